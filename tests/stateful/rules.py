"""What all rules have in common."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine

from tallystick.protocol.eip712 import BatchHeader
from tallystick.protocol.model import Agreement
from tests.stateful.draws import FOREVER, figure_of, honest_offer
from tests.stateful.twin import Twin
from tests.stateful.worlds import PostedBatch
from tests.support.evm import account
from tests.support.system import DOLLAR


class Rules(RuleBasedStateMachine):
    """Drives a `Twin`."""

    twin: Twin

    def agreement(self, data: st.DataObject) -> int:
        """One of the newest agreements, or one that does not exist."""
        return data.draw(st.sampled_from([*self.twin.agreements[-8:], 5 << 32]))

    def running(self, *, lease: bool | None = None, waiting: bool | None = None) -> list[int]:
        """Open agreements, newest last."""
        found = []
        for number in self.twin.agreements:
            agreement = self.twin.model.escrow.agreements[number]
            fits = (lease is None or agreement.is_lease == lease) and (
                waiting is None or agreement.waits_to_begin == waiting
            )
            if agreement.status == 1 and fits:
                found.append(number)
        return found

    def found(self, number: int) -> Agreement:
        """The model's record."""
        return self.twin.model.escrow.agreements[number]

    def opened(self, data: st.DataObject, **fixed: object) -> int | None:
        """Opens an honest offer; its number, if it opened."""
        before = len(self.twin.agreements)
        self.twin.open(account("relay"), [honest_offer(self.twin, data, **fixed)])
        return self.twin.agreements[-1] if len(self.twin.agreements) > before else None

    def batch(self, data: st.DataObject) -> PostedBatch:
        """One of the newest batches."""
        return data.draw(st.sampled_from(self.twin.batches[-8:]))

    def post(self, data: st.DataObject, policy: int, only: int | None = None) -> PostedBatch | None:
        """The relayer posts figures of a policy's newest agreements, or of one."""
        mine = sorted(number for number in self.twin.agreements if self.found(number).policy == policy)
        numbers = mine[-6:] if only is None else [only]
        items = [(number, figure_of(self.twin, data, self.found(number))) for number in numbers]
        value = data.draw(st.sampled_from([1_000, DOLLAR, 3 * DOLLAR, 9 * DOLLAR]))
        return self.post_figures(policy, items, value)

    def post_figures(
        self, policy: int, items: list[tuple[int, int]], value: int = 9 * DOLLAR
    ) -> PostedBatch | None:
        """The relayer posts these figures; None when it could not."""
        nonce = self.twin.model.ledger.next_nonce(policy, 3)
        before = len(self.twin.batches)
        self.twin.post(account("relay"), BatchHeader(policy, value, nonce, FOREVER), items)
        return self.twin.batches[-1] if len(self.twin.batches) > before else None
