"""The API's own figures, in the Prometheus text format: answers, the time they took, and the streams."""

from __future__ import annotations

from collections import Counter


class Figures:
    """Counts what the API did since the process began."""

    def __init__(self) -> None:
        self.answers: Counter[tuple[str, int]] = Counter()
        self.seconds: dict[str, float] = {}
        self.clients = 0
        self.conflated = 0
        self.slow = 0

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count an answer of a route, which is a template: its values would be without bound."""
        self.answers[route, status] += 1
        self.seconds[route] = self.seconds.get(route, 0.0) + seconds

    def text(self, *, auth_failures: int) -> str:
        """All figures."""
        lines = ["# TYPE http_requests_total counter"]
        for (route, status), count in sorted(self.answers.items()):
            lines.append(f'http_requests_total{{route="{route}",code="{status}"}} {count}')
        lines.append("# TYPE http_request_seconds_total counter")
        for route, seconds in sorted(self.seconds.items()):
            lines.append(f'http_request_seconds_total{{route="{route}"}} {seconds:.6f}')
        for name, kind, value in (
            ("auth_failures_total", "counter", auth_failures),
            ("ws_clients", "gauge", self.clients),
            ("ws_conflated_total", "counter", self.conflated),
            ("ws_slow_total", "counter", self.slow),
        ):
            lines += [f"# TYPE {name} {kind}", f"{name} {value}"]
        return "\n".join(lines) + "\n"
