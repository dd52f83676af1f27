"""An optimizer wrapper for models with frozen parts."""

from __future__ import annotations

from mmengine.optim import DefaultOptimWrapperConstructor
from torch import nn

from c2fseg.registry import OPTIM_WRAPPER_CONSTRUCTORS


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class TrainableOptimWrapperConstructor(DefaultOptimWrapperConstructor):
    """MMEngine's constructor, which leaves frozen modules out without a word.

    MMEngine's own leaves them out too, but warns of every parameter: hundreds of lines for a
    frozen tokenizer. The groups are the same. Arguments: those of the parent.
    """

    def add_params(
        self,
        params: list[dict],
        module: nn.Module,
        prefix: str = '',
        is_dcn_module: int | float | None = None,
    ) -> None:
        """Adds the parameters of a module and of its children to ``params``.

        Args:
            params: Parameter groups, changed in place.
            module: The module.
            prefix: Its name.
            is_dcn_module: Whether it is part of a deformable convolution, see the parent.
        """
        if any(parameter.requires_grad for parameter in module.parameters()):
            super().add_params(params, module, prefix=prefix, is_dcn_module=is_dcn_module)
