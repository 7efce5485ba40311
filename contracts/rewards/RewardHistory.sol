// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice What an account was credited up to and on a day, in all.
struct Grant {
    uint32 day; // unix time / 86 400
    uint96 fees; // µ that counted up to then, cumulative
    uint128 amount; // TALLY-wei credited up to then, cumulative
    uint256 moment; // sum over the days of (TALLY-wei credited on it) * day, cumulative
}

/// @notice An account's grants, one a day, and what it was paid.
struct History {
    uint128 claimed; // TALLY-wei, ever
    uint32 length; // of grants; number 0 is the empty beginning
    uint96 overturned; // µ of fees of work ruled bad, ever, as far as the grants know of it
    mapping(uint256 number => Grant) grants;
}

/// @title An account's rewards: a list of days with running sums
/// @notice What was granted on a day vests linearly from the next midnight on, over `vesting` seconds. With the running sums
/// what has vested takes two look-ups, and taking back the newest fees one: no loop over the days.
library RewardHistory {
    uint256 internal constant DAY = 86_400;

    /// @notice The newest grant; all zero when there is none.
    function last(History storage self) internal view returns (Grant memory) {
        return self.grants[self.length];
    }

    /// @notice Grants `fees` µ that bring `amount` TALLY-wei on `day`, which is not before the newest grant's.
    function add(History storage self, uint32 day, uint96 fees, uint128 amount) internal {
        uint32 n = self.length;
        Grant memory grant = self.grants[n];
        if (n == 0 || grant.day != day) self.length = ++n;
        self.grants[n] = Grant({
            day: day,
            fees: grant.fees + fees,
            amount: grant.amount + amount,
            moment: grant.moment + uint256(amount) * day
        });
    }

    /// @notice µ of the fees that count when `overturned` µ were ruled bad, ever.
    function standing(History storage self, uint256 overturned) internal view returns (uint256) {
        uint256 fees = last(self).fees;
        uint256 gone = overturned - self.overturned;
        return fees > gone ? fees - gone : 0;
    }

    /// @notice Keeps the oldest `fees` µ and what they brought, rounded down within the last day that is left.
    /// @return lost TALLY-wei that the newer ones had brought.
    function cut(History storage self, uint256 fees) internal returns (uint256 lost) {
        uint256 before = last(self).amount;
        (uint32 n, Grant memory grant) = kept(self, fees);
        self.length = n;
        if (n != 0) self.grants[n] = grant;
        return before - grant.amount;
    }

    /// @notice The list as {cut} would leave it: its length and its newest grant.
    function kept(History storage self, uint256 fees) internal view returns (uint32 n, Grant memory grant) {
        uint32 length = self.length;
        grant = self.grants[length];
        if (fees >= grant.fees) return (length, grant);
        if (fees == 0) return (0, self.grants[0]);
        // The first grant that reaches beyond the fees, or just to them.
        uint32 low = 1;
        for (uint32 high = length; low < high;) {
            uint32 middle = (low + high) / 2;
            if (self.grants[middle].fees < fees) low = middle + 1;
            else high = middle;
        }
        n = low;
        grant = self.grants[n];
        Grant memory before = self.grants[n - 1];
        uint256 part = fees - before.fees;
        uint256 amount = uint256(grant.amount - before.amount) * part / (grant.fees - before.fees);
        grant.fees = uint96(fees); // below what it was
        grant.amount = before.amount + uint128(amount); // at most what it was
        grant.moment = before.moment + amount * grant.day;
    }

    /// @notice TALLY-wei that have vested at `time`, rounded down, of a list of length `n` whose newest grant is `newest`.
    /// @dev For times at least `vesting` and a day after 1970.
    function vestedDown(History storage self, uint32 n, Grant memory newest, uint256 vesting, uint256 time)
        internal
        view
        returns (uint256)
    {
        uint256 today = time / DAY;
        // All that began: today's begins at midnight.
        Grant memory begun = newest;
        if (n != 0 && newest.day == today) begun = self.grants[n - 1];
        // Those of days up to `over` have vested to the end: (day + 1) * DAY + vesting <= time.
        uint256 over = (time - vesting) / DAY - 1;
        if (begun.day <= over) return begun.amount;
        uint32 low = 0;
        // Of the older ones; `begun` itself still grows.
        for (uint32 high = newest.day == today ? n - 2 : n - 1; low < high;) {
            uint32 middle = (low + high + 1) / 2;
            if (self.grants[middle].day <= over) low = middle;
            else high = middle - 1;
        }
        return _growing(begun, self.grants[low], vesting, time);
    }

    /// @dev What is over, and of every later one the part of the time since its midnight.
    function _growing(Grant memory begun, Grant memory over, uint256 vesting, uint256 time)
        private
        pure
        returns (uint256)
    {
        uint256 amount = begun.amount - over.amount;
        return over.amount + (amount * (time - DAY) - (begun.moment - over.moment) * DAY) / vesting;
    }
}
