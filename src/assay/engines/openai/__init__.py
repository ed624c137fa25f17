"""Sample from any server that speaks the OpenAI protocol.

`engine` is the part; `connection`, `endpoints`, `request_body`, `stream` and `concurrency` serve it alone. To support
another form of a server's answer, change `stream.py`; another way of failing, `connection.py`.
"""

from assay.engines.openai.engine import Openai

__all__ = ["Openai"]
