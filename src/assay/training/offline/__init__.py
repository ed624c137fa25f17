"""Train on stored rows with TRL's trainers: answers (SFT), preferences (DPO) and single judged answers (KTO).

`encode` turns rows into token ids, `row_order` says which rows a step reads, `record` knows how far a run is,
`trainers` and `arguments` are TRL's with our order and defaults, and `run` puts them together. `training.sft`,
`training.dpo` and `training.kto` are what one calls. A new loss on stored rows is a file like these, and a
trainer in `trainers`.
"""
