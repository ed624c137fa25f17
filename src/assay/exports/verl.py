"""`verl`: Parquet with the columns data_source, prompt, ability, reward_model, extra_info."""

from collections.abc import Sequence
from dataclasses import dataclass

from assay.core.export_rows import ExportRow, Row


@dataclass(frozen=True)
class Verl:
    """One row per place of the curriculum.

    `curate import rollouts --from verl` finds the problem of each rollout by `extra_info.assay_id`. verl's own reward function chooses a
    scorer by `data_source` and raises NotImplementedError for a name that it does not know.
    """

    ability: str = "math"
    data_source: str = ""  # a name that verl scores, such as openai/gsm8k or math_dapo; "" = the problem's source

    def rows(self, rows: Sequence[ExportRow]) -> list[Row]:
        """Return one row per place, in the curriculum's order."""
        return [
            {
                "data_source": self.data_source or row.source,
                "prompt": list(row.prompt),
                "ability": self.ability,
                "reward_model": {"style": "rule", "ground_truth": row.answer},
                "extra_info": {
                    "assay_id": row.assay_id,
                    "index": row.place,
                    "lesson": row.lesson,
                    "weight": row.weight,
                    "reason": row.reason,
                },
            }
            for row in rows
        ]

    def snippet(self, file: str) -> str:
        """Return the command whose overrides keep the curriculum's order."""
        return (
            "python -m verl.trainer.main_ppo \\\n"
            f"  data.train_files={file} \\\n  data.shuffle=False \\\n  data.dataloader_num_workers=0\n"
            "# verl's default_compute_score knows data_source names such as openai/gsm8k and math_dapo; here it is the source's\n"
            "# name, which a config may choose ([[source]] name). Or name a function of your own in custom_reward_function.path\n"
        )
