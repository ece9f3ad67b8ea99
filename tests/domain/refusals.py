"""What tests ask of an input that is refused."""

import pytest

from workbench.errors import Invalid


def problems(build, *arguments, **given_values):
    """The Invalid that a call raises."""
    with pytest.raises(Invalid) as caught:
        build(*arguments, **given_values)
    return caught.value
