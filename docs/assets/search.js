// A word that begins with dashes is an option to whoever types it; to the search it would be one to leave out.
const ask = Worker.prototype.postMessage
Worker.prototype.postMessage = function (message, ...rest) {
  if (message && typeof message.data === "string")
    message = { ...message, data: message.data.replace(/(^|\s)-+(?=\w)/g, "$1") }
  return ask.call(this, message, ...rest)
}
