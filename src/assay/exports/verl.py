"""verl's Parquet: data_source, prompt, ability, reward_model, extra_info."""

from collections.abc import Sequence
from dataclasses import dataclass

from assay.core.export_rows import ExportRow, Row


@dataclass(frozen=True)
class Verl:
    """One row a place of the curriculum; `extra_info.assay_id` brings rollouts home through `curate import rollouts --from verl`."""

    ability: str = "math"

    def rows(self, chosen: Sequence[ExportRow]) -> list[Row]:
        """Rows in the curriculum's order."""
        return [
            {
                "data_source": c.source,
                "prompt": list(c.prompt),
                "ability": self.ability,
                "reward_model": {"style": "rule", "ground_truth": c.answer},
                "extra_info": {
                    "assay_id": c.assay_id,
                    "index": c.place,
                    "lesson": c.lesson,
                    "weight": c.weight,
                    "reason": c.reason,
                },
            }
            for c in chosen
        ]

    def snippet(self, file: str) -> str:
        """The overrides that keep our order."""
        return f"python -m verl.trainer.main_ppo \\\n  data.train_files={file} \\\n  data.shuffle=False \\\n  data.dataloader_num_workers=0\n"
