"""A Handler: the styles that a function may have, and what is read of its results."""

import pickle
from functools import wraps

import pandas
import pytest

from workbench.domain.entity import Answer, Response
from workbench.domain.handler import Handler

ANSWER = Answer(values={"balance": 5})
TABLE = pandas.DataFrame({"a": [1]})


async def as_async_generator(message, context):
    yield message
    yield context


@wraps(as_async_generator)
def around_async_generator(message, context):
    return as_async_generator(message, context)


def as_generator(message, context):
    yield message
    yield context


async def as_coroutine(message, context):
    return [message, context]


def as_function(message, context):
    return message, context


@pytest.mark.parametrize("function", [
    as_async_generator, around_async_generator, as_generator, as_coroutine, as_function])
async def test_a_handler_has_any_style(function):
    """An async generator, one that is wrapped, a generator, a coroutine and a function give the same results."""
    handler = Handler(function, "bank")
    results = handler.results(1, 2)
    assert [result async for result in results] == [1, 2]


@pytest.mark.parametrize("answer, results", [
    (None, []), ([], []), (5, [5]), ("text", ["text"]), (b"raw", [b"raw"]), ({"a": 1}, [{"a": 1}]), ([1, 2], [1, 2]),
    (ANSWER, [ANSWER]), (map(str, [1, 2]), ["1", "2"])])
async def test_what_is_returned_is_one_result_or_a_list(answer, results):
    """A list, a tuple or an iterator is several results, None is none; all else is one, though it can be iterated."""
    handler = Handler(lambda message, context: answer, "bank")
    assert [result async for result in handler.results(None, None)] == results


async def test_a_table_is_one_result():
    """A DataFrame is not taken for the list of its columns."""
    handler = Handler(lambda message, context: TABLE, "bank")
    [result] = [result async for result in handler.results(None, None)]
    assert result is TABLE


async def test_a_response_handler_returns_one_value():
    """What a response handler returns is its output, awaited where it has to be."""
    async def later(response, context):
        return [1, 2]

    assert await Handler(later, "bank").returned(None, None) == [1, 2]
    assert await Handler(lambda response, context: [1, 2], "bank").returned(None, None) == [1, 2]


def test_a_result_of_the_wrong_kind_is_named():
    """The error for a wrong result names the handler, the value and what is allowed."""
    fault = Handler(as_function, "bank").fault(5, "Events and Responses")
    assert str(fault) == "the handler as_function of bank yielded 5 (int); it may yield only Events and Responses"
    assert (fault.handler, fault.value) == ("the handler as_function of bank", 5)


def test_an_answer_is_read_like_a_mapping():
    """The plain response gives its values by name, and unpacks."""
    assert ANSWER["balance"] == 5
    assert list(ANSWER) == ["balance"]
    assert isinstance(ANSWER, Response)


def test_an_answer_whose_value_is_asked_for_as_an_attribute():
    """It says that its values are read in brackets; of a name that it has not, nothing but that."""
    with pytest.raises(AttributeError, match=r'the values of an answer are read by .* in brackets: \["balance"\]$'):
        ANSWER.balance      # noqa: B018
    for name in ("balanec", "_repr_html_"):
        with pytest.raises(AttributeError, match=f"no attribute '{name}'"):
            getattr(ANSWER, name)
    assert not hasattr(Answer(values=None), "balance")
    assert pickle.loads(pickle.dumps(ANSWER)) == ANSWER
