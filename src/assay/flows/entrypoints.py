"""Define flows by one factory, so that their parameters cannot differ.

To add a flow, write a module with a `__getattr__` of it. Each flow stays an attribute of its own module:
`assay.flows.curate.curate` is what deployments and work pools name.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from assay.flows.prefect_adapter import as_flow
from assay.flows.run_context import FlowCall
from assay.flows.schedule_lock import run_in_turn

PARAMETERS = """

    Args:
        config: Path of the config, a TOML file.
        lake: The lake's folder or s3:// address, in place of the config's.
        overrides: Keys of the config to change, as "{override}".
    """


def define_flow(
    module: str, name: str, work: Callable[[FlowCall], Any], purpose: str, *, override: str
) -> Callable[[str], Any]:
    """Define a flow without loading Prefect, which is loaded when the flow is asked for.

    Args:
        module: The module whose attribute the flow is; Prefect loads it again by module and name.
        name: Of the flow and of the attribute.
        work: What it does; a scheduled run waits for its turn first.
        purpose: One sentence, shown in Prefect's UI with the parameters.
        override: An example of an override, shown there too.

    Returns:
        The module's `__getattr__`.
    """

    @cache
    def build() -> Any:
        # Prefect shows the default of `overrides`, which nobody changes
        def body(config: str, lake: str | None = None, overrides: list[str] = []) -> Any:  # noqa: B006
            call = FlowCall(config, lake, tuple(overrides))
            return run_in_turn(call, lambda: work(call))

        body.__module__, body.__doc__ = module, purpose + PARAMETERS.format(override=override)
        return as_flow(body, name)

    def get(attribute: str) -> Any:
        if attribute != name:
            raise AttributeError(f"module {module!r} has no attribute {attribute!r}")
        return build()

    return get
