"""Configuration: every key once, read by somebody, and refused with its unit when wrong."""

import ast
import json
import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm.config import (
    Config,
    engine_config_json,
    example_toml,
    expires_after_s,
    levels_possible,
    load,
    parse,
    to_toml,
)
from mm.config.reading import sections, unit_of
from mm.errors import ConfigError

ROOT = Path(__file__).parents[1]
FOR_THE_ENGINE = (
    "limits",
    "quoting",
    "models",
    "freshness",
    "control",
    "recovery",
    "requests",
    "protection",
)
KEYS = [(name, key) for name, model in sections().items() for key in model.model_fields]


def refusal(text: str, tmp_path: Path) -> str:
    file = tmp_path / "mm.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as raised:
        load(file)
    return str(raised.value).replace(str(file), "mm.toml")


def test_defaults_are_those_of_the_table() -> None:
    config = load(None)
    assert (config.process.network, config.process.coin) == ("paper", "BTC")
    assert (config.process.market, config.process.speed) == ("demo", 20)
    assert (config.paper.equity_usd, config.account.leverage) == (10_000, 20)
    assert (config.paper.maker_fee_bps, config.paper.taker_fee_bps) == (1.5, 4.5)
    limits = config.limits
    assert (limits.risk_fraction, limits.num_sigmas, limits.risk_horizon_s) == (0.03, 3, 3600)
    assert (limits.sigma_prior, limits.sigma_floor_frac, limits.confidence_n0) == (3e-4, 0.5, 30)
    assert (limits.leverage_cap, limits.initial_margin_frac) == (5, 0.8)
    assert (limits.gap_move_frac, limits.gap_loss_frac, limits.liquidity_frac) == (None, 0.5, 0.05)
    assert (limits.position_cap_usd, limits.warmup_max_position_usd) == (None, 500)
    assert (limits.daily_loss_frac, limits.drawdown_frac) == (0.05, 0.08)
    assert (limits.limit_use_frac, limits.reduce_only_leave_frac) == (0.98, 0.9)


def test_example_is_current_and_good() -> None:
    file = ROOT / "config" / "example.toml"
    assert file.read_text(encoding="utf-8") == example_toml(), "run: make example"
    assert load(file) == Config()


def test_engine_gets_exactly_these_keys() -> None:
    engine = json.loads(engine_config_json(load(None), session=7, cloid_start=3))
    assert set(engine) == {"session", "cloid_start", "action_life_s", *FOR_THE_ENGINE}
    assert (engine["session"], engine["cloid_start"]) == (7, 3)
    assert engine["limits"]["gap_move_frac"] is None
    assert engine["limits"]["warmup_max_position_usd"] == 500
    assert engine["quoting"]["depths_bps"] is None
    for name in FOR_THE_ENGINE:
        assert set(engine[name]) == set(sections()[name].model_fields)
    assert (engine["control"]["kill_deadline_s"], engine["control"]["exit_deadline_s"]) == (
        120 * 20,
        60 * 20,
    ), "market seconds"


@pytest.mark.parametrize(("section", "key"), KEYS)
def test_every_key_is_read(section: str, key: str) -> None:
    """A key of the engine is in its JSON; any other is read as `<section>.<key>` somewhere."""
    if section in FOR_THE_ENGINE:
        assert key in json.loads(engine_config_json(Config(), session=1))[section]
        return
    readers = [
        file
        for file in (ROOT / "python" / "mm").rglob("*.py")
        if file.parent.name != "config" or file.name == "engine.py"
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and node.attr == key
        and (
            (isinstance(node.value, ast.Attribute) and node.value.attr == section)
            or (isinstance(node.value, ast.Name) and node.value.id.strip("_").lower() == section)
        )
    ]
    assert readers, f"nobody reads [{section}] {key}: delete it"


@pytest.mark.parametrize(("section", "key"), KEYS)
def test_every_key_has_a_unit_in_its_name_or_needs_none(section: str, key: str) -> None:
    unit = unit_of(sections()[section].model_fields[key])
    suffixes = {
        "USD": "_usd",
        "coin": "_coin",
        "bps": "_bps",
        "seconds": "_s",
        "1/bps": "_per_bps",
        "1/second": "_per_s",
    }
    if unit in suffixes:
        # `max_bps_diff` keeps the name that people know.
        assert key.endswith(suffixes[unit]) or key == "max_bps_diff"
    if unit == "a share between 0 and 1":
        assert key.endswith("_frac") or key == "risk_fraction"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            "[limits]\nrisk_fraction = 3",
            "mm.toml: [limits] risk_fraction = 3: should be less than or equal to 1;"
            " expected a share between 0 and 1",
        ),
        (
            "[limits]\nrisk_horizon_ms = 3000",
            "mm.toml: [limits] risk_horizon_ms = 3000: unknown key;"
            " did you mean risk_horizon_s (seconds), not milliseconds?",
        ),
        (
            "[quoting]\nhalf_spread = 3",
            "mm.toml: [quoting] half_spread = 3: unknown key; did you mean half_spread_bps (bps)?",
        ),
        (
            "[quoting]\nlevles = 3",
            "mm.toml: [quoting] levles = 3: unknown key; did you mean levels (a whole number)?",
        ),
        (
            "[quoting]\ndrawdown_frac = 0.1",
            "mm.toml: [quoting] drawdown_frac = 0.1: unknown key; it belongs in [limits]",
        ),
        (
            "[limit]\nrisk_fraction = 0.1",
            "mm.toml: [limit]: unknown section; did you mean [limits]?",
        ),
        (
            "levels = 3",
            "mm.toml: levels = 3: unknown key outside of a section; it belongs in [quoting]",
        ),
        ("limits = 3", "mm.toml: limits = 3: expected a table [limits]"),
        (
            "[process]\nspeed = '20'",
            "mm.toml: [process] speed = '20': should be a valid number;"
            " expected market seconds per second",
        ),
        (
            "[limits]\nsigma_prior = nan",
            "mm.toml: [limits] sigma_prior = nan: should be a finite number; expected standard"
            " deviation of log mid per sqrt(second), a fraction (BTC about 6e-5)",
        ),
        (
            "[process]\nmarket = 'fitted'",
            "mm.toml: [process] market = 'fitted': not one of the accepted forms;"
            " expected demo, calibrated, replay:PATH, mirror or mirror:SOURCE",
        ),
        (
            "[process]\nasset = 'ETH'",
            "mm.toml: [process] asset = 'ETH': unknown key; did you mean process.coin?",
        ),
        (
            "[quoting]\ndepths_bps = [2.0, 1.0]",
            "mm.toml: [quoting] depths_bps = [2.0, 1.0]: expected bps that rise,"
            " above 0 and up to 1000",
        ),
        (
            "[quoting]\nhalf_spread_max_bps = 8.0",
            "mm.toml: [quoting] half_spread_max_bps = 8: expected at least half_spread_bps and"
            " every depth of depths_bps, 10 bps",
        ),
        (
            "[quoting]\nlevels = 3\ndepths_bps = [2.0]",
            "mm.toml: [quoting] depths_bps = [2.0]: expected one depth in bps for each of"
            " levels = 3",
        ),
        (
            "[freshness]\nsigma_gone_s = 100",
            "mm.toml: [freshness] sigma_degraded_s = 120: expected less than sigma_gone_s ="
            " 100 seconds",
        ),
        (
            "[paper]\nequity_usd = 10",
            "mm.toml: [paper] equity_usd = 10: at leverage 5 and target_liquidity_frac = 0.2 a"
            " side holds 10.00 USD, so 0 of 5 levels are possible: expected at least"
            " min_level_usd = 12 USD",
        ),
        ("[limits", "mm.toml: not TOML: Expected ']' at the end of a table declaration"),
    ],
)
def test_refusals_name_file_key_value_and_unit(text: str, wanted: str, tmp_path: Path) -> None:
    assert refusal(text, tmp_path).startswith(wanted)


@pytest.mark.parametrize("key", ["max_position", "max_absolute_position_size"])
@pytest.mark.parametrize("section", ["", "[limits]\n", "[quoting]\n"])
def test_bare_max_position_is_refused_with_both_meanings(
    section: str, key: str, tmp_path: Path
) -> None:
    said = refusal(f"{section}{key} = 0.5", tmp_path)
    assert "unknown key" in said
    assert "warmup_max_position_usd" in said
    assert "position_cap_usd" in said


def test_every_fault_is_a_line(tmp_path: Path) -> None:
    said = refusal("[limits]\nrisk_fraction = 3\nx = 1\n[account]\nleverage = 0", tmp_path)
    assert [re.sub(r"\].*", "]", line) for line in said.splitlines()] == [
        "mm.toml: [account]",
        "mm.toml: [limits]",
        "mm.toml: [limits]",
    ]


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.toml: cannot be read: No such file"):
        load(tmp_path / "absent.toml")


def test_command_line_wins_and_is_blamed(tmp_path: Path) -> None:
    file = tmp_path / "mm.toml"
    file.write_text("[process]\nspeed = 2.0\ncoin = 'ETH'\n")
    config = load(file, {"process.speed": 60.0})
    assert (config.process.speed, config.process.coin) == (60, "ETH")
    with pytest.raises(ConfigError, match=r"command line: \[process\] speed = 0"):
        load(file, {"process.speed": 0.0})


def test_limits_agree_with_each_other() -> None:
    both = {"position_cap_usd": 1.0, "position_cap_coin": 1.0}
    with pytest.raises(ConfigError, match="one of the two, USD or coin"):
        parse({"limits": both}, "mm.toml")
    with pytest.raises(ConfigError, match="expected less than daily_loss_frac"):
        parse({"limits": {"risk_fraction": 0.05}}, "mm.toml")
    with pytest.raises(ConfigError, match="both in seconds, or neither"):
        parse({"freshness": {"market_gone_s": 3.0}}, "mm.toml")
    in_coin = parse({"limits": {"warmup_max_position_coin": 0.05}}, "mm.toml").limits
    assert (in_coin.warmup_max_position_usd, in_coin.warmup_max_position_coin) == (None, 0.05)


def test_depths_say_how_many_levels() -> None:
    quoting = parse({"quoting": {"depths_bps": [1.0, 2.5, 4]}}, "mm.toml").quoting
    assert (quoting.levels, quoting.depths_bps) == (3, (1, 2.5, 4))


def test_cadence_follows_the_market_unless_given() -> None:
    def market_deadlines(process: dict[str, object]) -> tuple[float, float]:
        config = parse({"process": {"speed": 1.0, **process}}, "mm.toml")
        fresh = json.loads(engine_config_json(config, session=1))["freshness"]
        return fresh["market_degraded_s"], fresh["market_gone_s"]

    assert market_deadlines({}) == (5, 15)
    assert market_deadlines({"market": "replay:x.zst"}) == (2, 5)
    assert market_deadlines({"market": "replay:x.zst", "cadence": "2026"}) == (5, 15)
    assert market_deadlines({"cadence": "legacy"}) == (2, 5)


@given(speed=st.floats(0.01, 1000))
def test_prop_freshness_is_never_under_half_a_second_of_wall_time(speed: float) -> None:
    config = parse({"process": {"speed": speed}}, "mm.toml")
    fresh = json.loads(engine_config_json(config, session=1))["freshness"]
    for key, market_s in fresh.items():
        assert market_s / speed >= 0.5 * (1 - 1e-12), key
    for stem in ("market", "account", "head_room", "sigma", "own_stream"):
        assert fresh[f"{stem}_degraded_s"] < fresh[f"{stem}_gone_s"]
    assert expires_after_s(config) / speed >= 1 - 1e-12
    control = json.loads(engine_config_json(config, session=1))["control"]
    assert control["kill_stale_s"] / speed >= 5 * (1 - 1e-12)
    assert control["kill_unexplained_s"] / speed >= 2 * (1 - 1e-12)
    process = {"speed": speed, "network": "testnet"}
    live = parse({"process": process, "account": OWNED, "control": CHOSEN}, "mm.toml")
    assert json.loads(engine_config_json(live, 1))["freshness"]["market_degraded_s"] == 5


CHOSEN = {"on_kill": "work", "on_exit": "work"}
OWNED = {"address": f"0x{'ab' * 20}"}


def test_what_becomes_of_a_position_is_chosen_where_it_is_real() -> None:
    def control(document: dict[str, dict[str, object]]) -> tuple[object, object, object]:
        engine = json.loads(engine_config_json(parse(document, "mm.toml"), 1))["control"]
        return engine["on_kill"], engine["on_exit"], engine["ramp"]

    assert control({}) == ("flatten", "hold", False)
    assert control({"control": {"on_kill": "hold", "ramp": True}}) == ("hold", "hold", True)
    for network, ramp in (("testnet", False), ("mainnet", True)):
        process: dict[str, object] = {"network": network}
        assert control({"process": process, "account": dict(OWNED), "control": dict(CHOSEN)}) == (
            "work",
            "work",
            ramp,
        )
        for missing in CHOSEN:
            rest = {key: word for key, word in CHOSEN.items() if key != missing}
            with pytest.raises(
                ConfigError, match=rf"\[control\] {missing}: expected work, flatten"
            ):
                parse({"process": process, "account": dict(OWNED), "control": rest}, "mm.toml")


@pytest.mark.parametrize(
    ("account", "said"),
    [
        ({}, r"\[account\] address: expected the address that holds the position"),
        ({"address": "0x12"}, r"\[account\] address = '0x12': not one of the accepted forms"),
        ({**OWNED, "key_name": "a", "watchdog_key_name": "a"}, "expected two names"),
        ({**OWNED, "key_source": "argv"}, r"\[account\] key_source = 'argv'"),
    ],
)
def test_money_has_an_owner_and_two_keys(account: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parse(
            {"process": {"network": "mainnet"}, "account": account, "control": dict(CHOSEN)},
            "mm.toml",
        )


def test_levels_possible_counts_whole_minimum_levels() -> None:
    config = load(None)
    assert levels_possible(config, 10_000, 20) == 5
    assert levels_possible(config, 36, 20) == 3  # 36 x 5 x 0.2 = 36 USD a side, 12 a level
    assert levels_possible(config, 36, 2) == 1
    assert levels_possible(config, 11, 5) == 0


@given(
    fraction=st.floats(1e-6, 0.049),
    prior=st.floats(1e-9, 0.05),
    depths=st.none() | st.lists(st.floats(0.01, 1000), min_size=1, max_size=5, unique=True),
    coin=st.sampled_from(["BTC", "kPEPE", "xyz:GOLD"]),
)
def test_prop_effective_toml_reads_back_the_same(
    tmp_path_factory: pytest.TempPathFactory,
    fraction: float,
    prior: float,
    depths: list[float] | None,
    coin: str,
) -> None:
    document: dict[str, dict[str, object]] = {
        "process": {"coin": coin},
        "limits": {"risk_fraction": fraction, "sigma_prior": prior},
        "quoting": {"half_spread_max_bps": 1000.0},
    }
    if depths is not None:
        document["quoting"]["depths_bps"] = sorted(depths)
    config = parse(document, "mm.toml")
    file = tmp_path_factory.mktemp("config") / "mm.toml"
    file.write_text(to_toml(config), encoding="utf-8")
    assert load(file) == config


def test_configuration_cannot_be_changed() -> None:
    config = load(None)
    with pytest.raises(ValueError, match="frozen"):
        config.limits.num_sigmas = 1.0


BOTH = {"process": {"coins": ["BTC", "ETH"]}}


def test_several_coins_each_have_a_configuration_of_their_own() -> None:
    config = parse(
        {
            **BOTH,
            "limits": {"position_cap_usd": 900.0},
            "coin": {"ETH": {"limits": {"position_cap_usd": 50.0}, "quoting": {"levels": 2}}},
        },
        "mm.toml",
    )
    assert config.coins == ("BTC", "ETH")
    btc, eth = config.each()
    assert [one.coins for one in (btc, eth)] == [("BTC",), ("ETH",)]
    assert (btc.limits.position_cap_usd, eth.limits.position_cap_usd) == (900.0, 50.0)
    assert (btc.quoting.levels, eth.quoting.levels) == (5, 2)
    assert btc.limits.equity_share_frac == eth.limits.equity_share_frac == 0.5
    assert levels_possible(eth, 20.0, 5.0) == levels_possible(parse({}, "x"), 10.0, 5.0)


def test_one_coin_has_all_of_the_equity_and_one_configuration() -> None:
    config = parse({}, "mm.toml")
    assert config.each() == (config,)
    assert config.limits.equity_share_frac is None
    assert parse({"process": {"coins": ["ETH"]}}, "mm.toml").each()[0].process.coin == "ETH"


def test_the_shares_of_many_coins_are_no_more_than_everything() -> None:
    coins = ["A", "B", "C", "D", "E", "F", "G"]
    shares = [
        one.limits.equity_share_frac
        for one in parse({"process": {"coins": coins}}, "mm.toml").each()
    ]
    assert len(set(shares)) == 1
    assert 0.999 < sum(share or 0.0 for share in shares) <= 1


def test_what_is_shown_of_several_coins_reads_back() -> None:
    whole = {**BOTH, "coin": {"ETH": {"limits": {"position_cap_usd": 50.0}}}}
    config = parse(whole, "mm.toml")
    text = to_toml(config)
    assert '[coin."ETH".limits]\nposition_cap_usd = 50.0\n' in text
    again = parse(tomllib.loads(text), "mm.toml")
    assert again.each() == config.each()


def test_the_command_line_says_which_coins_whatever_the_file_says() -> None:
    one = parse(BOTH, "mm.toml", {"process.coin": "SOL"})
    assert one.coins == ("SOL",)
    two = parse({"process": {"coin": "SOL"}}, "mm.toml", {"process.coins": ["BTC", "ETH"]})
    assert two.coins == ("BTC", "ETH")


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"coin": {"ETH": {}}}, r"\[coin\.ETH\]: not quoted; \[process\] has BTC"),
        ({"coin": 3}, "coin = 3: expected tables"),
        ({**BOTH, "coin": {"ETH": 3}}, r"coin\.ETH = 3: expected \[coin\.ETH\.limits\]"),
        ({**BOTH, "coin": {"ETH": {"process": {}}}}, r"\[coin\.ETH\.process\]: expected a table"),
        (
            {**BOTH, "coin": {"ETH": {"limits": {"daily_loss_frac": 0.1}}}},
            r"\[coin\.ETH\.limits\] daily_loss_frac: holds for the account: expected in \[limits\]",
        ),
        (
            {**BOTH, "coin": {"ETH": {"control": {"on_kill": "hold"}}}},
            r"\[coin\.ETH\.control\] on_kill: holds for the account",
        ),
        (
            {**BOTH, "coin": {"ETH": {"limits": {"position_cap_usd": -1.0}}}},
            r"mm\.toml: \[coin\.ETH\.limits\] position_cap_usd = -1\.0: .*expected USD",
        ),
        (
            {**BOTH, "coin": {"ETH": {"limits": {"position_cap": 1.0}}}},
            r"\[coin\.ETH\.limits\] position_cap = 1\.0: unknown key; did you mean",
        ),
        (
            {**BOTH, "coin": {"ETH": {"limits": {"equity_share_frac": 0.6}}}},
            r"the shares of BTC, ETH add up to 1\.1: expected at most 1",
        ),
        ({**BOTH, "limits": {"position_cap_coin": 1.0}}, "position_cap_coin = 1.0: in which coin"),
        ({**BOTH, "paper": {"equity_usd": 20.0}}, r"\[coin\.BTC\].*a share of 0\.5 for BTC"),
        ({"process": {"coins": ["BTC"], "coin": "BTC"}}, "expected one of the two"),
        ({"process": {"coins": []}}, "each coin once, one at least"),
        ({"process": {"coins": ["BTC", "BTC"]}}, "each coin once"),
        ({"process": {"coins": ["BTC", "xyz:GOLD"]}}, "coins of one dex"),
        ({"process": {"coins": ["BTC", "ETH"], "market": "mirror"}}, "is of one coin"),
        ({"process": {"coins": ["BTC", "ETH"], "market": "replay:a"}}, "is of one coin"),
    ],
)
def test_what_several_coins_cannot_be_is_refused(document: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        parse(document, "mm.toml")
