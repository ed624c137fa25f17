"""What a group of rollouts teaches: signal, pass@k, expected improvement, ability, and draws of problems."""
