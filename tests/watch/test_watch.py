"""`tallystick watch` on a real chain: honest leaves pass, unbacked ones are challenged and go void, lies are
disputed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tallystick.chain.anvil import DEV_KEYS
from tallystick.chain.contracts import load
from tallystick.chain.sender import KeySender
from tallystick.chain.signers import KeySigner
from tallystick.protocol.eip712 import BatchHeader, batch_number
from tallystick.protocol.figures import encode_figures
from tallystick.watch.command import WatchOptions, watch
from tallystick.web.api import create_app
from tallystick.web.context import WebContext
from tallystick.web.server import WebServer
from tests.relayer.driver import Driver
from tests.relayer.scene import POLICY, RELAYER, WINDOW, Scene, ndjson, staged

pytestmark = pytest.mark.node

RESPONSE = 21_600  # seconds
BOND, REWARD = 20_000_000, 20_000_000  # µ: a fifth of the penalty of 100 USDC
WALLET = 10**9
KEY = DEV_KEYS[6]
WATCHER = KeySigner.from_hex(KEY)


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with staged(tmp_path_factory.mktemp("watched")) as scene:
        sender = KeySender(scene.anvil.node, WATCHER)
        sender.send(scene.address("TestDollar"), load("TestDollar").encode("mint", WATCHER.address, WALLET))
        yield scene


@pytest.fixture
def scene(chain: Scene) -> Iterator[Scene]:
    snapshot = chain.anvil.snapshot()
    yield chain
    chain.anvil.revert(snapshot)


class Desk:
    """A chain on which the relayer's key posts whatever it is told to, and a watcher with its folder."""

    def __init__(self, scene: Scene, folder: Path) -> None:
        self.scene = scene
        self.folder = folder
        self.said: list[str] = []
        (folder / "key").write_text(KEY)

    def post(self, *rows: tuple[int, int], output: bytes | None = None) -> int:
        """Posts (agreement, units) by the relayer's key, with the outputs of the scene's receipts."""
        sender = KeySender(self.scene.anvil.node, self.scene.relayer)
        nonce = self.scene.read("ReceiptLedger", "nextNonce", POLICY, RELAYER)
        header = BatchHeader(POLICY, 10**9, nonce, self.scene.anvil.node.timestamp() + 600)
        outputs = b"".join(output or units.to_bytes(32, "big") for _, units in sorted(rows))
        call = load("ReceiptLedger").encode("post", tuple(header), encode_figures(sorted(rows)), outputs, [])
        sender.send(self.scene.address("ReceiptLedger"), call)
        return batch_number(POLICY, RELAYER, nonce)

    def evidence(self, *rows: tuple[int, int], verdicts: bool = True) -> str:
        """A file of the receipts, and the verdicts, of these figures."""
        items = [self.scene.receipt(*row) for row in rows]
        items += [self.scene.verdict(*row) for row in rows] if verdicts else []
        path = self.folder / "evidence.ndjson"
        path.write_bytes(ndjson(items))
        return str(path)

    def watch(self, *evidence: str, **options: Any) -> bool:
        """One look. Whether nothing is wrong."""
        self.said.clear()
        settings = {"challenge": True, "key_file": self.folder / "key", "once": True} | options
        return watch(
            WatchOptions(
                tuple(evidence),
                rpc=(self.scene.anvil.url,),
                deployments=self.scene.folder / "deployments",
                report=self.folder / "report.json",
                **settings,
            ),
            self.said.append,
        )

    @property
    def report(self) -> dict[str, Any]:
        return dict(json.loads((self.folder / "report.json").read_text()))

    def wallet(self) -> int:
        return int(self.scene.read("TestDollar", "balanceOf", WATCHER.address))

    def later(self, seconds: int) -> None:
        self.scene.anvil.set_next_block_timestamp(self.scene.anvil.node.timestamp() + seconds)
        self.scene.anvil.mine()


@pytest.fixture
def desk(scene: Scene, tmp_path: Path) -> Desk:
    return Desk(scene, tmp_path)


def test_watch__every_leaf_is_backed__nothing_is_wrong_and_nothing_is_sent(desk: Desk) -> None:
    one, two, three = desk.scene.agreements[:3]
    batch = desk.post((one, 1_000_000), (two, 5), (three, 7))
    assert desk.watch(desk.evidence((one, 1_000_000), (two, 5), (three, 7)))
    assert desk.said == [
        f"batch {batch} leaf {place} agreement {number} units {units} ok"
        for place, (number, units) in enumerate([(one, 1_000_000), (two, 5), (three, 7)])
    ]
    assert desk.report["leaves"] | {"ok": 0} == dict.fromkeys(desk.report["leaves"], 0)
    assert (desk.report["leaves"]["ok"], desk.report["actions"], desk.wallet()) == (3, [], WALLET)


def test_watch__one_leaf_of_three_is_made_up__challenged_once_voided_and_paid(desk: Desk) -> None:
    one, two, three = desk.scene.agreements[:3]
    batch = desk.post((one, 1_000_000), (two, 2_000_000), (three, 7))
    proofs = desk.evidence((one, 1_000_000), (three, 7))
    assert not desk.watch(proofs)
    assert [line for line in desk.said if "wrong" in line] == [
        f"batch {batch} leaf 1 agreement {two} units 2000000 wrong: nothing_due"
    ]
    assert [(one["deed"], one["index"], one["amount"]) for one in desk.report["actions"]] == [
        ("challenge", 1, BOND)
    ]
    assert desk.wallet() == WALLET - BOND
    assert not desk.watch(proofs)
    assert desk.report["actions"] == [], "the chain tells that it was challenged"
    desk.later(RESPONSE)
    assert not desk.watch(proofs)
    deeds = [(one["deed"], one["amount"], one["problem"]) for one in desk.report["actions"]]
    assert deeds == [("void", 0, ""), ("claim Challenges", BOND, ""), ("claim Staking", REWARD, "")]
    assert desk.wallet() == WALLET + REWARD
    settle = load("ReceiptLedger").encode(
        "settle", batch, encode_figures([(one, 1_000_000), (two, 2_000_000), (three, 7)])
    )
    KeySender(desk.scene.anvil.node, WATCHER).send(desk.scene.address("ReceiptLedger"), settle)
    assert (desk.scene.paid(one), desk.scene.paid(two)) == (600_000, 0)


@pytest.mark.parametrize("reason", ["no verdict", "other output", "fewer units"])
def test_watch__signed_but_not_for_this__is_wrong(desk: Desk, reason: str) -> None:
    number = desk.scene.agreements[0]
    desk.post((number, 1_000_000), output=b"\x77" * 32 if reason == "other output" else None)
    units = 999_999 if reason == "fewer units" else 1_000_000
    assert not desk.watch(desk.evidence((number, units), verdicts=reason != "no verdict"), challenge=False)
    (item,) = desk.report["items"]
    assert item["standing"] == "wrong"
    assert item["reason"] == ("not_enough_verdicts" if reason == "no verdict" else "nothing_due")
    assert desk.report["account"] is None


def test_watch__answered_by_the_relayer__bond_is_lost_and_it_is_not_challenged_again(desk: Desk) -> None:
    """The watcher was given nothing; the relayer shows what stands behind the leaf."""
    number = desk.scene.agreements[0]
    batch = desk.post((number, 1_000_000))
    proofs = desk.evidence((desk.scene.agreements[1], 3))
    assert not desk.watch(proofs)
    driver = Driver(desk.scene, desk.folder / "relayer.sqlite3")
    desk.scene.mine_final()
    driver.round()
    assert driver.deliver([(number, 1_000_000)]) == ["accepted", "accepted"]
    from tallystick.protocol.backing import Leaf
    from tallystick.relayer.evidence import backing_of
    from tallystick.relayer.mirror import Mirror

    with driver.database.write() as connection:
        mirror = Mirror()
        now = mirror.refresh(connection)
        leaf = Leaf(batch, 0, number, 1_000_000, (1_000_000).to_bytes(32, "big"), now)
        fault, item = backing_of(connection, mirror, driver.relayer._answerer._domain, leaf, now)
    assert item is not None, fault
    call = driver.contracts.answer_call(batch, 0, item)
    KeySender(desk.scene.anvil.node, desk.scene.relayer).send(desk.scene.address("Challenges"), call)
    assert not desk.watch(proofs)
    assert (desk.report["actions"], desk.wallet()) == ([], WALLET - BOND)
    driver.stop()


def test_watch__figure_above_the_truth__disputed_at_the_court_with_what_was_delivered(desk: Desk) -> None:
    number = desk.scene.agreements[0]
    desk.post((number, 1_000_000))
    truth = desk.folder / "truth.ndjson"
    truth.write_text(json.dumps({"agreement": str(number), "units": 400_000}))
    proofs = desk.evidence((number, 1_000_000))
    assert not desk.watch(proofs, truth=truth)
    (action,) = desk.report["actions"]
    assert (action["deed"], action["amount"], action["problem"]) == ("dispute", 50_000_000, "")
    view = desk.scene.read("Court", "disputeOf", 1)
    assert (view["agreement"], view["attacked"], view["claimed"]) == (number, 1_000_000, 400_000)
    assert view["challenger"].lower() == WATCHER.address.lower()
    assert not desk.watch(proofs, truth=truth)
    assert desk.report["actions"] == []
    # Nobody rules: both arbiters are silent. Under ATTESTED the disputed increment is refunded, and the bond returns.
    desk.later(86_400 + 2 * 172_800)
    desk.watch(proofs, truth=truth)
    deeds = [(one["deed"], one["amount"], one["problem"]) for one in desk.report["actions"]]
    assert deeds == [("execute", 0, ""), ("claim Court", 50_000_000, "")]
    assert desk.wallet() == WALLET


def test_watch__purse_for_one_bond__challenges_one(desk: Desk) -> None:
    desk.post(*[(number, 1_000) for number in desk.scene.agreements[:3]])
    assert not desk.watch(desk.evidence((desk.scene.agreements[4], 1)), purse=BOND + 1)
    assert [(one["deed"], one["index"]) for one in desk.report["actions"]] == [("challenge", 0)]
    assert not desk.watch(desk.evidence((desk.scene.agreements[4], 1)), purse=BOND + 1)
    assert desk.report["actions"] == [], "the bond is still out"


def test_watch__relayer_is_asked__believed_only_what_is_signed(desk: Desk) -> None:
    one, two = desk.scene.agreements[:2]
    driver = Driver(desk.scene, desk.folder / "relayer.sqlite3")
    desk.scene.mine_final()
    driver.round()
    assert driver.deliver([(one, 1_000_000)]) == ["accepted", "accepted"]
    for _ in range(6):
        desk.later(60)
        driver.round()
    assert driver.states() == ["posted"]
    bogus = desk.post((two, 9_000_000))
    web = WebServer(create_app(WebContext(database=driver.database, ingest=driver.ingest)), "127.0.0.1", 0)
    web.start()
    try:
        assert not desk.watch(web.url)
    finally:
        web.stop()
    standings = {item["agreement"]: (item["standing"], item["reason"]) for item in desk.report["items"]}
    assert standings == {str(one): ("ok", ""), str(two): ("wrong", "nothing_due")}
    assert [(each["deed"], each["batch"]) for each in desk.report["actions"]] == [("challenge", str(bogus))]
    driver.stop()


def test_watch__relayer_does_not_answer__waits_and_challenges_in_the_last_quarter(desk: Desk) -> None:
    number = desk.scene.agreements[0]
    desk.post((number, 1_000_000))
    assert not desk.watch("http://127.0.0.1:9")
    assert "unseen: nothing_due" in desk.said[0]
    assert desk.report["actions"] == []
    desk.later(WINDOW * 3 // 4)
    assert not desk.watch("http://127.0.0.1:9")
    assert [one["deed"] for one in desk.report["actions"]] == ["challenge"]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tallystick", "watch", *arguments], capture_output=True, text=True, timeout=120
    )


def test_command__once__exit_code_says_whether_something_is_wrong(desk: Desk) -> None:
    one, two = desk.scene.agreements[:2]
    common = [
        "--once",
        "--rpc",
        desk.scene.anvil.url,
        "--deployments",
        str(desk.scene.folder / "deployments"),
    ]
    desk.post((one, 1_000_000))
    done = run(*common, "--evidence", desk.evidence((one, 1_000_000)))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(f"agreement {one} units 1000000 ok\n")
    desk.post((two, 5))
    done = run(
        *common, "--evidence", desk.evidence((one, 1_000_000)), "--report", str(desk.folder / "r.json")
    )
    assert (done.returncode, done.stderr) == (4, "")
    assert json.loads((desk.folder / "r.json").read_text())["leaves"]["wrong"] == 1
