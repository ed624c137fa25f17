"""`openai`: any server that speaks the OpenAI protocol.

`engine` is the part; the others are its connection, endpoints, stream and threads.

To support another shape of a server's answer, change `stream.py`; another way of failing, `connection.py`.
"""

from assay.engines.openai.engine import Openai

__all__ = ["Openai"]
