"""Many modules at once, for a teacher: one table of all of them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tftwin.check import words
from tftwin.check.answer import MISFIT, NOT_PROVIDED, WRONG, Answer
from tftwin.check.checking import check_module
from tftwin.check.process import Failed


@dataclass
class Folder:
    """The answers for each module, and why others could not be checked."""

    answers: dict[str, list[Answer]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def wrong(self) -> bool:
        """Whether something is wrong anywhere."""
        return bool(self.failed) or any(
            answer.status in (WRONG, MISFIT) for found in self.answers.values() for answer in found
        )

    def mistakes(self) -> Counter[str]:
        """Return how many modules share each diagnosis of a wrong function."""
        counts: Counter[str] = Counter()
        for found in self.answers.values():
            named = {
                words.name_of(d)
                for answer in found
                if answer.status == WRONG
                for d in answer.diagnoses.values()
            }
            counts.update(named)
        return counts


def check_one(module: str, names: Sequence[str], seed: int) -> list[Answer] | str:
    """Return the answers for a module, or why it cannot be checked."""
    try:
        return list(check_module(module, names, seed=seed))
    except (Failed, ValueError) as error:
        return str(error)


def check_folder(
    folder: Path, names: Sequence[str] = (), *, seed: int = 0, jobs: int = 1
) -> Folder:
    """Check every Python file of a folder; joblib spreads the work over processes.

    Inside ``joblib.parallel_config(backend="dask")`` or "ray" the same call uses a cluster.
    """
    from joblib import Parallel, delayed

    files = sorted(path for path in folder.glob("*.py") if not path.name.startswith("_"))
    if not files:
        raise ValueError(f"{folder} holds no Python file")
    results = Parallel(n_jobs=jobs)(delayed(check_one)(str(file), names, seed) for file in files)
    found = Folder()
    for file, result in zip(files, results, strict=True):
        if isinstance(result, str):
            found.failed[file.name] = result
        else:
            found.answers[file.name] = result
    return found


def rows(found: Folder) -> list[list[str]]:
    """Return a header, and a line for each module and function provided."""
    table = [["module", "function", "status", "diagnosis"]]
    for module, answers in found.answers.items():
        for a in answers:
            if a.status != NOT_PROVIDED:
                named = "; ".join(words.name_of(d) for d in a.diagnoses.values())
                table.append([module, a.task.name, a.status, named])
    table += [[module, "", "cannot be checked", why] for module, why in found.failed.items()]
    return table


def table(found: Folder) -> str:
    """Return one line for each module, and the mistakes by how many share them."""
    lines = [
        f"{module:32} {words.score(answers):6.0%}  {words.summary(answers)}"
        for module, answers in found.answers.items()
    ]
    lines += [f"{module:32} cannot be checked: {why}" for module, why in found.failed.items()]
    if shared := found.mistakes().most_common():
        lines += ["", "mistakes, and the modules that share them"]
        lines += [f"  {count:4}  {name}" for name, count in shared]
    return "\n".join(lines)
