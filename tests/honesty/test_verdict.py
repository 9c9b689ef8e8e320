"""The verdict: what outweighs what, and that its words fit its numbers."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi5_pipelines.honesty.verdict import Findings, judge

SOLID = Findings(
    sharpe=1.5,
    trades=200,
    trials=40,
    luck=0.6,
    deflated=0.98,
    bars=2000,
    bars_needed=400,
    pbo=0.05,
    efficiency=0.8,
    walk_forward_sharpe=1.2,
    p_value=0.004,
    sharpe_low=0.7,
    sharpe_high=2.2,
    sharpe_double_costs=1.3,
    sharpe_delayed=1.2,
    neighbours=1.4,
)


def test_what_passes_everything_is_good_and_says_why() -> None:
    verdict = judge(SOLID)
    assert verdict.level == "good"
    assert verdict.sentences[0].startswith("This is likely real: its Sharpe ratio of 1.50 lies above the 0.60")
    assert "best of 40 worthless trials would show with a probability of 98%" in verdict.sentences[0]
    assert len(verdict.sentences) <= 3


@pytest.mark.parametrize(
    ("change", "level", "words"),
    [
        ({"deflated": 0.8}, "doubtful", "would show with a probability of 80%"),
        ({"deflated": 0.3}, "bad", "This is likely luck: its Sharpe ratio"),
        ({"pbo": 0.4}, "doubtful", "falls into the lower half elsewhere in 40% of all splits"),
        ({"pbo": 0.5}, "bad", "in 50% of all splits"),
        ({"efficiency": 0.3}, "doubtful", "keep 30% of their return"),
        ({"efficiency": -0.1}, "bad", "keep nothing of their return"),
        ({"efficiency": math.nan}, "bad", "no parameters earn anything even where they are chosen"),
        ({"p_value": 0.1}, "doubtful", "often does as well (p = 0.100)"),
        ({"p_value": 0.5}, "bad", "(p = 0.500)"),
        ({"sharpe_double_costs": 0.7}, "doubtful", "with costs doubled its Sharpe ratio is 0.70"),
        ({"sharpe_double_costs": -0.1}, "bad", "This will hardly hold: with costs doubled nothing is left of it"),
        ({"sharpe_delayed": 0.0}, "bad", "one bar late nothing is left of it"),
        ({"neighbours": 0.5}, "doubtful", "with parameters a step off its Sharpe ratio is 0.50"),
        ({"buy_and_hold": 1.6}, "doubtful", "buying and holding had a Sharpe ratio of 1.60"),
        ({"trades": 1}, "doubtful", "1 trade is few"),
        ({"trades": 12}, "doubtful", "12 trades are few"),
        ({"bars_needed": 2500.4}, "doubtful", "2,000 bars are fewer than the 2,500"),
        ({"sharpe_low": -0.2}, "doubtful", "anywhere from -0.20 to 2.20"),
    ],
)
def test_one_thing_amiss_decides_and_is_the_first_thing_said(change: dict[str, float], level: str, words: str) -> None:
    verdict = judge(replace(SOLID, **change))  # type: ignore[arg-type]  # fields by name
    assert verdict.level == level
    assert words in verdict.sentences[0]


@pytest.mark.parametrize("sharpe", [0.0, -0.4, math.nan])
def test_what_earns_nothing_needs_no_explanation(sharpe: float) -> None:
    verdict = judge(replace(SOLID, sharpe=sharpe))
    assert verdict.level == "bad"
    assert verdict.sentences[0].startswith("There is nothing to believe in")


def test_what_was_not_looked_at_is_named_and_never_good() -> None:
    verdict = judge(Findings(sharpe=2.0))
    assert verdict.level == "doubtful"
    assert "too little was looked at" in verdict.sentences[0]
    assert "pi5 walkforward" in verdict.sentences[-1]
    single = judge(Findings(sharpe=2.0, deflated=0.99, trials=1))
    assert single.level == "doubtful"
    assert judge(Findings(sharpe=2.0, deflated=0.99, trials=1, p_value=0.01)).level == "good"


def test_without_the_number_of_trials_nothing_is_good() -> None:
    verdict = judge(replace(SOLID, deflated=None))
    assert verdict.level == "doubtful"
    assert "how many trials it was chosen from" in " ".join(verdict.sentences)


def test_a_bad_verdict_still_says_what_speaks_for_it() -> None:
    verdict = judge(replace(SOLID, pbo=0.9))
    assert verdict.sentences[1].startswith("In its favour: its Sharpe ratio of 1.50")


probability = st.none() | st.floats(0.0, 1.0)
ratio = st.none() | st.floats(-3.0, 3.0) | st.just(math.nan)


@given(
    st.builds(
        Findings,
        sharpe=st.floats(-3.0, 3.0) | st.just(math.nan),
        trades=st.none() | st.integers(0, 1000),
        trials=st.none() | st.integers(0, 10**9),
        luck=st.none() | st.floats(0.0, 5.0),
        deflated=probability | st.just(math.nan),
        pbo=probability,
        efficiency=ratio,
        p_value=probability,
        sharpe_double_costs=ratio,
        neighbours=ratio,
    )
)
def test_any_findings_give_one_to_three_sentences(findings: Findings) -> None:
    verdict = judge(findings)
    assert 1 <= len(verdict.sentences) <= 3
    assert all(one.endswith(".") and one[0].isupper() and "nan" not in one for one in verdict.sentences)
