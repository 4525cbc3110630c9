# Runs an installing command ("$@") and says every ten seconds how far it is: what is written into the environment.
"$@" &
command=$!
trap 'kill $command 2>/dev/null' INT TERM
seconds=0
while kill -0 "$command" 2>/dev/null; do
    sleep 1
    seconds=$((seconds + 1))
    if [ $((seconds % 10)) -eq 0 ] && kill -0 "$command" 2>/dev/null; then
        site="$("$PYTHON" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
        packages="$(ls -d "$site"/*.dist-info 2>/dev/null | wc -l | tr -d ' ')"
        if [ "$packages" -lt 5 ]; then what="choosing and downloading"; else what="$packages packages installed"; fi
        echo "  $seconds s: $what"
    fi
done
wait "$command"
status=$?
[ "$status" -eq 0 ] || echo "the set-up failed (see above); mend the cause and give the same command again" >&2
exit "$status"
