"""The command line's way to the running manager: a few requests, made one at a time.

The admin token comes from `run/manager.json`, goes into a header, and appears nowhere else.
"""

import http.client
import json
from typing import Any
from urllib.parse import quote, urlsplit

from funcnodes.errors import RefusedError, WorkerError
from funcnodes.settings import Settings
from funcnodes.workers.manager import address_file
from funcnodes.workers.manager.address_file import ManagerAddress

TIMEOUT_S = 15.0


class ManagerClient:
    """Speaks to one running manager."""

    def __init__(self, address: ManagerAddress, *, timeout_s: float = TIMEOUT_S) -> None:
        self._address = address
        self._timeout_s = timeout_s

    @classmethod
    def find(cls, settings: Settings, *, timeout_s: float = TIMEOUT_S) -> "ManagerClient":
        """The manager of this config folder.

        Raises:
            WorkerError: None is running.
        """
        address = address_file.read(settings)
        if address is None:
            raise WorkerError(
                f"No manager is running for {settings.config_dir}.",
                hint="Start one with 'funcnodes runserver' or 'funcnodes startworkermanager'.",
            )
        return cls(address, timeout_s=timeout_s)

    def link(self, *, role: str = "admin", name: str = "") -> str:
        """A fresh one-time sign-in link."""
        return str(self._ask("POST", "/api/link", {"role": role, "name": name})["link"])

    def show_editor(self) -> None:
        """Have the manager serve the page, too."""
        self._ask("POST", "/api/editor", {})

    def workers(self) -> list[dict[str, Any]]:
        """Every worker: uuid, name, state, pid, bench, nodespace, simulated, message."""
        return list(self._ask("GET", "/api/workers"))

    def worker_new(self, name: str) -> dict[str, Any]:
        return dict(self._ask("POST", "/api/workers", {"name": name}))

    def worker_start(self, worker: str) -> dict[str, Any]:
        """Start a worker, named by uuid or name."""
        return dict(self._ask("POST", f"/api/workers/{quote(worker, safe='')}/start", {}))

    def worker_stop(self, worker: str) -> dict[str, Any]:
        """Make a worker's bench safe and end it."""
        return dict(self._ask("POST", f"/api/workers/{quote(worker, safe='')}/stop", {}))

    def estop(self, worker: str | None = None) -> list[dict[str, Any]]:
        """E-STOP one worker, or all: per worker its name and `latch` or `problem`."""
        if worker is None:
            return list(self._ask("POST", "/api/estop", {}))
        latch = self._ask("POST", f"/api/workers/{quote(worker, safe='')}/estop", {})
        return [{"worker": worker, "name": worker, "latch": latch, "problem": ""}]

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        target = urlsplit(self._address.url)
        connection = http.client.HTTPConnection(target.netloc, timeout=self._timeout_s)
        headers = {"Authorization": f"Bearer {self._address.token}"}
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body)
        try:
            connection.request(method, path, data, headers)
            response = connection.getresponse()
            answer = json.loads(response.read() or b"null")
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise WorkerError(
                f"The manager at {self._address.url} does not answer: {error}."
            ) from error
        finally:
            connection.close()
        if response.status >= 400:
            raise RefusedError(answer.get("detail", ""), hint=answer.get("hint", ""))
        return answer


def worker_new(settings: Settings, name: str) -> dict[str, Any]:
    """Create a worker; it is not started. Returns its view."""
    return ManagerClient.find(settings).worker_new(name)


def worker_start(settings: Settings, worker: str) -> dict[str, Any]:
    """Start a worker. Returns its view."""
    return ManagerClient.find(settings).worker_start(worker)


def worker_stop(settings: Settings, worker: str) -> dict[str, Any]:
    """Stop a worker, its bench made safe first. Returns its view."""
    return ManagerClient.find(settings).worker_stop(worker)


def worker_list(settings: Settings) -> list[dict[str, Any]]:
    """Every worker's view."""
    return ManagerClient.find(settings).workers()


def link(settings: Settings, *, role: str = "admin", name: str = "") -> str:
    """A fresh one-time sign-in link, for the person of that name."""
    return ManagerClient.find(settings).link(role=role, name=name)


def estop(settings: Settings, worker: str | None = None) -> list[dict[str, Any]]:
    """E-STOP one worker, or all of them. Returns what became of each."""
    return ManagerClient.find(settings).estop(worker)
