"""Write what a run left in its lake as one HTML page: `html` builds the page, `plots` draws its charts."""
