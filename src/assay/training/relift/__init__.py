"""ReLIFT: problems whose whole group failed are collected for one supervised pass between two steps (arXiv:2506.07527).

`buffer` collects, `supervised_pass` trains.
"""
