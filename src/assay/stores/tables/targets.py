"""Answers to imitate, one row per answer, each with the method that chose or made it and what it was made from.

A row whose `completion` is null has the text of its rollout in `completions`; the view `target_texts` joins the two.
"""

import pyarrow as pa

from assay.stores.schema import FLAG, FLOAT, INT, TEXT, TURN, column, table

SPAN = pa.struct([("begin", INT), ("end", INT)])
SCHEMA = table(
    column(
        "synthesis_id",
        TEXT,
        "stages.key of the synthesis: one method, its settings and its evidence",
        refers="stages.key",
        was="targeting",
    ),
    column("method", TEXT, "the method of synthesis, such as dart", was="rule"),
    column("problem_id", TEXT, "problems.id", refers="problems.id"),
    column(
        "rollout_id",
        TEXT,
        "rollouts.id of the attempt whose text the answer is, or from which it was made; null = from none",
        refers="rollouts.id",
        optional=True,
    ),
    column(
        "label_id",
        TEXT,
        "labels.id of the gold answer that it was verified against; null = the method used none",
        refers="labels.id",
        optional=True,
    ),
    column(
        "messages",
        pa.list_(TURN),
        "the chat that is answered, as `[policy]` renders it; null = the problem's own, rendered the same way",
    ),
    column("prefix", TEXT, "a begun answer behind which the completion goes on, given and not learnt; null = none"),
    column("completion", TEXT, "the answer; null = the text of `rollout_id`"),
    column(
        "masked",
        pa.list_(SPAN),
        "characters of the completion from `begin` to before `end` carry no loss; null = all do",
    ),
    column("tier", INT, "order of preference, 0 = first"),
    column("wanted", INT, "answers that the method asks for this problem; null = no number"),
    column("weight", FLOAT, "of its loss, 1 = as it is"),
    column("origin", TEXT, "who wrote the answer: policy, gold, paraphrase, teacher"),
    column(
        "confidence", FLOAT, "probability that it is right, in [0, 1], as the method estimates it; 1 = judged right"
    ),
    column("verified", FLAG, "the present verifier judged it right against the label; train on no other rows unread"),
    column(
        "policy",
        TEXT,
        "revision of the weights that wrote it; null = no policy did",
        refers="policies.policy",
        optional=True,
    ),
    column("parents", pa.list_(TEXT), "ids of all that it was made from: attempts, gold answers, problems, tree nodes"),
    column(
        "side", TEXT, "side of the split on which its problem lies; train, since nothing is made from held-out ones"
    ),
    made_by=("synthesize",),
)
