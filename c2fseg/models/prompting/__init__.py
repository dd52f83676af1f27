"""From a click or a box to the visible mask of an object."""

from c2fseg.models.prompting.prompt_decoder import PromptDecoder
from c2fseg.models.prompting.prompt_segmentor import PromptSegmentor

__all__ = ['PromptDecoder', 'PromptSegmentor']
