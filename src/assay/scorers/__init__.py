"""Problems + attempts -> how hard each problem is for one policy, with its doubt."""
