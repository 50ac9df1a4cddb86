"""A progress bar, drawn by rich if it is installed."""

from collections.abc import Iterator


def track(epochs: range, progress: bool) -> Iterator[int]:
    """Yield the epochs, behind a progress bar on standard error if that is a terminal."""
    try:
        from rich.console import Console
        from rich.progress import track as rich_track
    except ImportError:
        return iter(epochs)
    console = Console(stderr=True)
    if not (progress and console.is_terminal):
        return iter(epochs)
    return iter(rich_track(epochs, "fit", console=console, transient=True))
