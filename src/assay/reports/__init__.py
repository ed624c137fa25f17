"""Reports: what a run left in its lake as one HTML page. `html` builds the page, `plots` draws its charts.

To add a section: collect its values in `pipelines/analysis/report.py` and render them in `html.render_page`.
"""
