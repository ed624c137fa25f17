"""How attempts and places are shared out: adaptive sampling, quotas, strata, and priors from embeddings."""
