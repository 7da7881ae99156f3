"""The PyTorch engine: devices, precision, processes by Lightning Fabric; the loop by `benchmarks.fitting`."""

from __future__ import annotations

import io
import resource
from collections.abc import Callable
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from benchmarks.distributed import gather_rows, sync_batch_norm
from benchmarks.engine import Batches, Fitted, Job, Scores
from benchmarks.fitting import Fit, Step, classified
from benchmarks.recipe_base import Recipe
from benchmarks.recipe_embedding import EmbeddingRecipe
from benchmarks.torch_fabric import started
from benchmarks.torch_inputs import inputs_of
from benchmarks.torch_losses import chances, loss_of
from benchmarks.torch_mixing import mixing_of
from benchmarks.torch_network import build, freeze, make_double, set_norm_momentum
from benchmarks.torch_optim import averaged, clip_each, clips_each, optimizer, set_rate
from models.counting import parameters
from utils.errors import FAILURE, BenchError
from utils.files import write_whole
from wlasl.loader import Batch

if TYPE_CHECKING:
    from benchmarks.runtimes import Chosen

BEST = "best.pt"


class TorchEngine:
    """Carries out a recipe with a torch network of the zoo."""

    def __init__(self, recipe: Recipe, job: Job) -> None:
        """Build the network with the recipe's seed and initial weights, on the device that was asked for.

        Raises:
            BenchError: no such device, a shape that the network cannot take, weights that do not fit.
        """
        self.recipe, self.job = recipe, job
        self.fabric = started(recipe, job)
        self.learner = _learner(recipe, job, self.fabric)
        self.chosen: Chosen | None = None

    @property
    def main(self) -> bool:
        """Say whether this process writes records and prints."""
        return bool(self.fabric.is_global_zero)

    def fit(self, train: Batches, val: Batches) -> Fitted:
        """Train on train, choose on val, and leave the network with the chosen weights."""
        learnt = self.learner.begin(train, val)
        return Fit(self.learner, self.recipe, self.job).run(learnt, val)

    def restore(self, train: Batches) -> None:
        """Leave the network with the weights that a finished run kept.

        Raises:
            BenchError: they are gone, damaged, or of another network.
        """
        self.learner.begin(train)
        try:
            self.learner.choose()
        except (OSError, RuntimeError, KeyError, EOFError, UnpicklingError) as error:
            reason = str(error).partition("\n")[0]
            raise BenchError(
                f"Cannot take up {self.job.folder / BEST}: {reason}. Run again with --again.",
                exit_code=FAILURE,
            ) from error

    def predict(self, part: Batches) -> Scores:
        """Return float32 [clips, classes]: log of the mean over views of the softmax probabilities."""
        if self.job.runtime != "torch" and self.chosen is None:
            from benchmarks import runtimes  # noqa: PLC0415 - for those who ask for it

            self.chosen = runtimes.choose(self.learner, part)
            self.learner.scorer = self.chosen.logits
        return self.learner.scores(part)

    def in_double(self) -> bool:
        """Score in double precision from now on; autocast leaves double tensors as they are."""
        learner = self.learner
        learner.scorer = None  # other runtimes know no doubles
        make_double(learner.network if learner.average is None else learner.average.module)
        return True

    def facts(self) -> dict[str, Any]:
        """Return the device, the processes, the parameters and the peak memory in MiB."""
        device = self.fabric.device
        return {
            "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
            "devices": self.fabric.world_size,
            "parameters": parameters(self.learner.network),
            **({} if self.chosen is None else {"runtime": self.chosen.name, "by": self.chosen.package}),
            **_peak_memory(device),
        }


class TorchLearner:
    """A torch network with its optimiser, as `benchmarks.fitting` drives it."""

    def __init__(self, recipe: Recipe, job: Job, fabric: Fabric) -> None:
        """Build everything from the recipe's seed; the same seed gives the same weights on every device."""
        self.recipe, self.job, self.fabric = recipe, job, fabric
        self.rank, self.world = fabric.global_rank, fabric.world_size
        self.network = build(recipe, job)
        self._frozen = freeze(self.network, recipe.unfreeze)
        set_norm_momentum(self.network, recipe.norm_momentum)
        if self.world > 1:
            sync_batch_norm(self.network)
        self.optimizer = optimizer(recipe, self.network)
        self.wrapped: Any = self._set_up()
        self.average = averaged(self.network, recipe.ema) if recipe.ema else None
        self.criterion = loss_of(recipe)
        self.inputs = inputs_of(recipe, job, fabric.device)
        self.mixing = mixing_of(recipe, job.classes)
        self.scorer: Callable[..., Tensor] | None = None

    def _set_up(self) -> Any:  # noqa: ANN401 - Fabric's wrapper of a module
        """Move the network to its device, and compile it where the recipe says so."""
        if self.recipe.channels_last:
            self.network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
        module = cast("nn.Module", torch.compile(self.network)) if self.recipe.compile else self.network
        if not any(parameter.requires_grad for parameter in module.parameters()):
            raise BenchError(
                "Nothing is left to train: set unfreeze to 1 or more, or to none for all blocks."
            )
        wrapped, self.optimizer = self.fabric.setup(module, self.optimizer)
        return wrapped

    def begin(self, train: Batches, val: Batches | None = None) -> Batches:
        """Return what is learnt from, given the parts of a run (no val where a finished run is taken up)."""
        del val
        return train

    def step(self, batch: Batch, step: Step) -> float:
        """Learn from one batch and return its mean loss over this process's clips."""
        self._train_mode()
        torch.manual_seed(_mixed(*step.key, self.rank))
        if self.mixing is not None:
            self.mixing.begin(*step.key, self.rank)
        set_rate(self.optimizer, step.lr)
        with self.fabric.no_backward_sync(self.wrapped, enabled=not step.update):
            loss = self.loss(batch)
            self.fabric.backward(loss * step.share)
        if step.update:
            self._update()
        return self._mean_over_processes(loss.detach(), len(batch.labels))

    def loss(self, batch: Batch) -> Tensor:
        """Return the mean loss of this process's clips of a batch."""
        inputs = self.inputs(batch)
        labels = torch.from_numpy(batch.labels).to(inputs[0].device)
        if self.mixing is not None:
            clips, labels = self.mixing(inputs[0], labels)
            inputs = (clips,)
        logits = self.wrapped(*inputs)
        # A process may have none of a last, small batch; the mean over no clips is 0 here, not NaN.
        loss: Tensor = self.criterion(logits.float(), labels) / max(1, len(labels))
        return loss

    def _update(self) -> None:
        """Move the optimiser once and forget the gradients."""
        if clips_each(self.recipe):
            clip_each(self.recipe, self.network)
        elif self.recipe.clip_norm is not None:
            self.fabric.clip_gradients(
                self.wrapped, self.optimizer, max_norm=self.recipe.clip_norm, error_if_nonfinite=False
            )
        self.optimizer.step()
        self.optimizer.zero_grad()
        if self.average is not None:
            self.average.update_parameters(self.network)

    def _mean_over_processes(self, loss: Tensor, clips: int) -> float:
        """Return the mean loss over the whole batch, whichever process saw which clip."""
        if self.world == 1:
            return float(loss)
        total = cast(
            "Tensor",
            self.fabric.all_reduce(torch.stack([loss * clips, loss.new_tensor(clips)]), reduce_op="sum"),
        )
        return float(total[0] / total[1])

    def _train_mode(self) -> None:
        """Train what is trained; frozen blocks keep their stored batch statistics and drop nothing."""
        self.wrapped.train()
        for block in self._frozen:
            block.eval()

    def measures(self, val: Batches) -> dict[str, float]:
        """Return what an epoch is judged by: val_loss and val_top1."""
        return classified(self.scores(val), val.labels)

    @torch.inference_mode()
    def scores(self, batches: Batches) -> Scores:
        """Return float32 [clips, classes] over all processes, by the averaged weights where there are any."""
        network = self.wrapped if self.average is None else self.average.module
        network.eval()
        total = np.zeros((len(batches.clips), self.job.classes), np.float64)
        views = np.zeros(len(batches.clips), np.int64)
        for batch in batches.epoch(0, rank=self.rank, world=self.world):
            logits = self._logits(network, self.inputs(batch))
            found = chances(self.recipe, logits, self.job.classes).cpu().numpy()
            np.add.at(total, batch.indices, found)
            np.add.at(views, batch.indices, 1)
            self.job.progress.advance()
        total, views = gather_rows(self.fabric, total), gather_rows(self.fabric, views)
        if not views.all():
            raise AssertionError("the loader left clips out")
        with np.errstate(divide="ignore"):
            return np.log(total / views[:, None]).astype(np.float32)

    def _logits(self, network: Any, inputs: tuple[Tensor, ...]) -> Tensor:  # noqa: ANN401
        """Return a batch's logits in evaluation, by another runtime where one was chosen."""
        if self.scorer is not None:
            return self.scorer(*inputs)
        with self.fabric.autocast():
            logits: Tensor = network(*inputs)
        return logits

    def agreed(self, wish: int) -> int:
        """Return the largest of what the processes wish."""
        if self.world == 1:
            return wish
        wished = torch.tensor(wish, device=self.fabric.device)
        return int(cast("Tensor", self.fabric.all_reduce(wished, reduce_op="max")))

    def keep(self) -> None:
        """Write the present weights (the averaged ones where there are any) to `best.pt`."""
        if self.rank == 0:
            network = self.network if self.average is None else self.average.module
            content = _bytes({"model": self.recipe.model, "state_dict": network.state_dict()})
            write_whole(self.job.folder / BEST, lambda file: file.write(content))

    def choose(self) -> None:
        """Go back to the chosen weights."""
        self.fabric.barrier()
        kept = torch.load(self.job.folder / BEST, map_location="cpu", weights_only=True)["state_dict"]
        self.network.load_state_dict(kept)
        if self.average is not None:
            self.average.module.load_state_dict(kept)

    def state(self) -> bytes:
        """Return the weights, their averages and the optimiser as bytes."""
        return _bytes(
            {
                "network": self.network.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "average": None if self.average is None else self.average.state_dict(),
                "precision": self.fabric.strategy.precision.state_dict(),
            }
        )

    def restore(self, state: bytes) -> None:
        """Go on from what `state` returned."""
        kept = torch.load(io.BytesIO(state), map_location=self.fabric.device, weights_only=True)
        self.network.load_state_dict(kept["network"])
        self.optimizer.load_state_dict(kept["optimizer"])
        if self.average is not None:
            self.average.load_state_dict(kept["average"])
        if scale := kept.get("precision"):  # fp16's, of losses; others have none
            self.fabric.strategy.precision.load_state_dict(scale)


def _learner(recipe: Recipe, job: Job, fabric: Fabric) -> TorchLearner:
    """Return what learns by the recipe: a classifier, or a network of embeddings."""
    if isinstance(recipe, EmbeddingRecipe):
        from benchmarks.torch_embedding import EmbeddingLearner  # noqa: PLC0415 - it builds on this module

        return EmbeddingLearner(recipe, job, fabric)
    return TorchLearner(recipe, job, fabric)


def _mixed(*key: int) -> int:
    """Mix a key of small numbers into one 63-bit seed."""
    return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> np.uint64(1))


def _bytes(state: dict[str, Any]) -> bytes:
    """Return a torch checkpoint as bytes."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def _peak_memory(device: torch.device) -> dict[str, int]:
    """Return the peak memory in MiB of this process, and of its GPU where it has one."""
    peak = {"peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 2**10}
    if device.type == "cuda":
        peak["peak_device_memory_mb"] = int(torch.cuda.max_memory_allocated(device) / 2**20)
    return peak
