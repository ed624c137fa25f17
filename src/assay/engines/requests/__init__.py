"""Requests and their samples, as every engine handles them: prompts as token ids, order of arrival, stop strings.

Shared by the engines of this folder's parent. Nothing here is a part.
"""
