"""What a Hugging Face data set repository holds: its files at a revision, with the checksums the hub keeps.

The address is that of the hub's own client (`huggingface_hub`, ``HfApi.list_repo_tree``).
"""

from __future__ import annotations

import http.client
import json
import re
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from beir_hybrid.datasets.download import RemoteFile, hub_endpoint, hub_url, refuse_offline
from beir_hybrid.errors import DownloadError

_TIMEOUT_SECONDS = 60
_NEXT = re.compile(r'<([^>]+)>;\s*rel="next"')


@dataclass(frozen=True)
class HubRepository:
    """``owner/name`` at a revision: a commit, so that everybody reads the same files."""

    name: str
    revision: str = "main"

    @property
    def page(self) -> str:
        """Where a person finds it."""
        return f"{hub_endpoint()}/datasets/{self.name}"

    def files(self, folder: Path) -> list[RemoteFile]:
        """Every file; large ones with their sha256.

        Args:
            folder: where they are to be put, for messages.

        Raises:
            DownloadError: no connection, an HTTP error, or an answer that is no listing.
        """
        refuse_offline(f"the files of {self.name}", f"put them into {folder}")
        revision = urllib.parse.quote(self.revision, safe="")
        address: str | None = f"{hub_endpoint()}/api/datasets/{self.name}/tree/{revision}?recursive=true"
        found: list[RemoteFile] = []
        while address:
            entries, address = self._page(address, folder)
            found += [self._file(entry) for entry in entries if entry.get("type") == "file"]
        return found

    def _file(self, entry: dict[str, Any]) -> RemoteFile:
        sha256 = entry.get("lfs", {}).get("oid", "")
        path = entry["path"]
        return RemoteFile(
            path, hub_url(self.name, path, self.revision), f"sha256:{sha256}" if sha256 else "", entry.get("size", 0)
        )

    def _page(self, address: str, folder: Path) -> tuple[list[dict[str, Any]], str | None]:
        """One page of the listing, and the address of the next."""
        advice = f"run again when online, or put the files of {self.page} into {folder}"
        try:
            request = urllib.request.Request(address, headers={"User-Agent": "beir-hybrid"})
            with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as response:
                following = _NEXT.search(response.headers.get("Link", ""))
                entries = json.loads(response.read())
        except urllib.error.HTTPError as error:
            reason = f"the server answered {error.code} {error.reason}"
            raise DownloadError(f"could not list {self.name} at {self.revision}: {reason}; {advice}") from error
        except (urllib.error.URLError, TimeoutError, ConnectionError, http.client.HTTPException) as error:
            cause = getattr(error, "reason", error)
            raise DownloadError(f"could not list {self.name}: no connection ({cause}); {advice}") from error
        except ValueError as error:  # no JSON, or a mirror named without https://
            raise DownloadError(f"could not list {self.name} at {address}: {error}; {advice}") from error
        if not isinstance(entries, list):
            raise DownloadError(f"could not list {self.name}: {address} answered no list of files; {advice}")
        return entries, following[1] if following else None
