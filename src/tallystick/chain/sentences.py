"""What the contracts' custom errors mean, in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from string import Formatter
from typing import Any

from tallystick.protocol.amounts import format_amount, format_tally

__all__ = ["SENTENCES", "sentence", "utc"]

SENTENCES: Mapping[str, str] = {
    # Escrow
    "Escrow_NotOwner": "account {account} does not belong to {caller}",
    "Escrow_UnknownAccount": "there is no account {account}",
    "Escrow_UnknownPolicy": "there is no policy {policy}",
    "Escrow_ZeroAddress": "the zero address cannot receive or own money",
    "Escrow_ZeroAmount": "the amount is zero",
    "Escrow_NotEnoughFree": "account {account} has {free:currency} free, but {wanted:currency} are wanted",
    "Escrow_NothingToClaim": "account {account} has earned nothing that was not claimed already",
    "Escrow_ReferenceUsed": "{caller} has used the reference {ref} before: that deposit has been credited",
    "Escrow_WrongAmountReceived": "the currency moved {received:currency} instead of {expected:currency}",
    "Escrow_NotLedger": "only the ReceiptLedger settles, and {caller} is not it",
    "Escrow_LengthMismatch": "there are not as many signatures as terms",
    "Escrow_TooManyItems": "{items} items are more than one call takes (256)",
    "Escrow_NotOpen": "agreement {agreement} is not open",
    "Escrow_NotParty": "{caller} is no party of agreement {agreement}",
    "Escrow_AlreadyEnding": "agreement {agreement} ends at {endsAt:utc} already",
    "Escrow_NotRefundableYet": "agreement {agreement} can be refunded from {refundableAt:utc} on",
    "Escrow_Held": "agreement {agreement} is frozen or held by a challenge",
    "Escrow_PledgeNotStuck": "the pledge of agreement {agreement} is not stuck",
    "Escrow_FeesTooHigh": "fees of {total} bps are above the bound of 2000 bps",
    "Escrow_UnfitCurrency": "{currency} is no currency that fits: it has no code, or more than 6 decimals",
    "Escrow_BadSplit": "a split has 1 to 64 members, none of them zero, each with a weight above zero",
    "Escrow_WrongSplit": "these are not the members and weights of account {account}",
    "Escrow_NotMember": "{caller} is not member {index} of account {account}",
    "Escrow_DeadlinePassed": "the signature was good until {deadline:utc} only",
    "Escrow_BadSignature": "the signature for agreement {agreement} is not by {signer}",
    "Escrow_WrongTerms": "agreement {agreement} was opened with other Terms",
    "Escrow_BudgetOutOfRange": "agreement {agreement} can be topped up to {most:currency}, not to {budget:currency}",
    "Escrow_Ended": "agreement {agreement} ended at {end:utc}",
    "Escrow_NotEnded": "agreement {agreement} ends at {end:utc}",
    "Escrow_NotEnoughAllowance": "account {funder} allows {allowed:currency} more, but {wanted:currency} are wanted",
    "Escrow_NotEnoughStake": "operator {operator} cannot pledge {wanted:currency} more",
    "Escrow_OtherParties": "the replacement of agreement {agreement} names another customer or funder",
    "Escrow_ReplacementRefused": "agreement {agreement} is not replaced: the new one cannot open (reason {refusal})",
    "Escrow_UnitsOutOfRange": "{units} final units of agreement {agreement} are too many: at most {most}",
    "Escrow_AlreadyBegun": "lease {agreement} has begun already",
    "Escrow_DeviceNotAttested": "{device} has no valid TEE credential for agreement {agreement}",
    "Escrow_OpeningPaused": "opening is paused until {until:utc}",
    "Escrow_PauseRefused": "a pause until {until:utc} is too long, or begins before {notBefore:utc}",
    "Escrow_NotPaused": "opening is not paused",
    "Escrow_NotHere": "this is the Escrow's extension: it answers at the Escrow's own address only",
    "Escrow_NotHeld": "no release of agreement {agreement} is waiting",
    "Escrow_TooManyHolds": "agreement {agreement} has 255 leaves and releases that are not final",
    "Escrow_NotCourt": "only the Court freezes agreements and carries rulings out, and {caller} is not it",
    "Escrow_AlreadyFrozen": "a dispute has frozen agreement {agreement} already",
    "Escrow_NotFrozen": "agreement {agreement} is not frozen",
    # ReceiptLedger
    "ReceiptLedger_DeadlinePassed": "the batch could be posted until {deadline:utc} only",
    "ReceiptLedger_WrongNonce": "the next batch has the nonce {expected}, not {given}",
    "ReceiptLedger_BadLength": "{figures} bytes of figures and {outputs} of outputs are no batch of 1 to 256",
    "ReceiptLedger_NotRising": "agreement numbers must rise; they do not at figure {index}",
    "ReceiptLedger_UnknownPolicy": "there is no policy {policy}",
    "ReceiptLedger_RelayerNotActive": "relayer {operator} has less free stake than its role demands",
    "ReceiptLedger_ValueAboveLimit": (
        "{value:currency} do not fit beside {inFlight:currency} in flight: the limit is {limit:currency}"
    ),
    "ReceiptLedger_BadSignatures": "{valid} good signatures of signer keys, but {threshold} are needed",
    "ReceiptLedger_UnknownBatch": "there is no batch {batch}",
    "ReceiptLedger_WindowOpen": "batch {batch} can be challenged until {endsAt:utc}",
    "ReceiptLedger_WrongFigures": "these are not the figures that batch {batch} was posted with",
    "ReceiptLedger_BadProof": "the proof does not show leaf {index} in batch {batch}",
    "ReceiptLedger_AlreadyRetired": "the value of batch {batch} is no longer in flight already",
    "ReceiptLedger_NotHere": "this is the ReceiptLedger's extension: it answers at the ledger's own address only",
    "ReceiptLedger_TooManyItems": "{items} items are more than one call takes",
    "ReceiptLedger_RelayerNotSilent": "anyone may post under policy {policy} from {silentAt:utc} on, not yet",
    "ReceiptLedger_NothingToPost": "none of the receipts was good",
    "ReceiptLedger_WindowOver": "the window of batch {batch} ended at {endedAt:utc}",
    "ReceiptLedger_NotCancellable": "batch {batch} stands on signatures: nobody can cancel it",
    "ReceiptLedger_TooManyCancels": "policy {policy} had two cancels: the next is possible from {notBefore:utc} on",
    "ReceiptLedger_Cancelled": "batch {batch} was cancelled",
    "ReceiptLedger_NotCancelled": "batch {batch} was not cancelled",
    "ReceiptLedger_NotReleased": "leaf {index} of batch {batch} is not released, or its release is over",
    "ReceiptLedger_ResponseOpen": "leaf of batch {batch} can be answered until {endsAt:utc}",
    "ReceiptLedger_ResponseOver": "leaf of batch {batch} could be answered until {endedAt:utc}",
    "ReceiptLedger_Answered": "leaf {index} of batch {batch} was answered",
    "ReceiptLedger_BadAnswer": "the receipt does not answer leaf {index} of batch {batch} (reason {reason})",
    "ReceiptLedger_PostingPaused": "posting is paused until {until:utc}",
    "ReceiptLedger_PauseRefused": "a pause until {until:utc} is too long, or begins before {notBefore:utc}",
    "ReceiptLedger_NothingToFinalise": "none of these leaves of batch {batch} is released and ready",
    "ReceiptLedger_NotPaused": "posting is not paused",
    "ReceiptLedger_UnderChallenge": "batch {batch} does not settle while {open} of its leaves are under challenge",
    "ReceiptLedger_BondHeld": "the bond of batch {batch} waits for the dispute on agreement {agreement}",
    "ReceiptLedger_NotCourt": "only Challenges blocks leaves and only the Court recovers, and {caller} is neither",
    "ReceiptLedger_NotChallengeable": "batch {batch} cannot be challenged: it is signed in full, or cancelled",
    "ReceiptLedger_LeafBlocked": "leaf {index} of batch {batch} is under challenge or void",
    "ReceiptLedger_LeafNotBlocked": "leaf {index} of batch {batch} is not under challenge",
    # Staking
    "Staking_NotOwner": "operator {operator} does not belong to {caller}",
    "Staking_NotEscrow": "only the Escrow pledges and releases, and {caller} is not it",
    "Staking_UnknownOperator": "there is no operator {operator}",
    "Staking_BadRegistration": "the roles are empty or unknown, or the hardware class does not fit them",
    "Staking_ZeroAmount": "the amount is zero",
    "Staking_ZeroAddress": "the zero address cannot receive money or be a key",
    "Staking_NotEnoughFree": (
        "operator {operator} has {free:currency} of free stake, but {wanted:currency} are wanted"
    ),
    "Staking_NothingThaws": "nothing of operator {operator}'s stake is thawing",
    "Staking_StillThawing": "operator {operator}'s stake is still thawing until {thawEnds:utc}",
    "Staking_NothingToClaim": "{holder} has no credit to claim",
    "Staking_WrongAmountReceived": "the currency moved {received:currency} instead of {expected:currency}",
    "Staking_KeyUnknown": "{key} is no such key of operator {operator}",
    "Staking_KeyAlreadyAuthorised": "{key} was authorised for operator {operator} before",
    "Staking_KeyAlreadyRevoked": "{key} of operator {operator} is revoked from {revokedAt:utc} on already",
    "Staking_UnfitCurrency": "{currency} is no currency that fits: it has no code, or more than 6 decimals",
    "StakeParts_TooLittle": "{held:currency} are there, but {wanted:currency} are wanted",
    "ReleaseSlot_TooLarge": "a release of {amount:currency} is more than an agreement can move",
    "StakeParts_TooMuch": "{sum:currency} are more than an operator can have at stake",
    "Staking_BadThreshold": "a threshold of {threshold} signers is not possible",
    "Staking_ThawTooShort": "a thaw of {thaw} s is too short: it must be {needed} s at least",
    "Staking_BadSlash": "the slash lacks a receiver for a share, recovers without a pledge, or rewards above 3000 bps",
    "Staking_NotCourt": "only Court and Challenges slash, and {caller} is neither",
    "Staking_NotLedger": "only the ReceiptLedger and the Court reserve stake, and {caller} is neither",
    "Staking_NotEnoughReserved": "operator {operator} has only {reserved:currency} reserved of {wanted:currency}",
    "Staking_UnknownSource": "there is no source {source}",
    "Staking_NotSourceOwner": "source {source} does not belong to {caller}",
    "Staking_TooManyItems": "{items} items are more than one call takes (256)",
    "Staking_AlreadyResigned": "operator {operator} has resigned already",
    # Challenges
    "Challenges_AlreadyChallenged": "leaf {index} of batch {batch} was challenged before: once is all",
    "Challenges_NotChallenged": "leaf {index} of batch {batch} is under no challenge",
    "Challenges_BadAnswer": "the signatures do not back leaf {index} of batch {batch} (ReceiptFault {fault})",
    "Challenges_ResponseOver": "the time to answer for leaf {index} of batch {batch} ended at {endedAt:utc}",
    "Challenges_ResponseOpen": (
        "leaf {index} of batch {batch} can be answered for until {endsAt:utc} (1970: its time has not begun)"
    ),
    "Challenges_Moot": "nothing depends on the challenge of leaf {index} of batch {batch} any more: dismiss it",
    "Challenges_NotMoot": "the challenge of leaf {index} of batch {batch} still has its object",
    "Challenges_NoEquivocation": "both receipts can be true",
    "Challenges_NotOneDevice": "the receipts are not by one key that both agreements' operators answer for now",
    "Challenges_AlreadyConvicted": "the receipt {receipt} was convicted before, and its slash taken",
    "Challenges_NothingToSlash": "nothing of {due:currency} can be taken of operator {operator} now",
    # PolicyBook
    "PolicyBook_BadPolicy": "the policy does not fit: {what:text}",
    "PolicyBook_UnknownPolicy": "there is no policy {policy}",
    "PolicyBook_AlreadyRetired": "policy {policy} is retired already",
    "Credentials_TooManyItems": "{items} items are more than one call takes (256)",
    "Credentials_LengthMismatch": "there are not as many signatures as items",
    "SessionKeys_NotOwner": "account {account} does not belong to {caller}",
    "SessionKeys_NotLedger": "only the ReceiptLedger books what was accepted, and {caller} is not it",
    "SessionKeys_ZeroKey": "the zero address can be no key",
    "SessionKeys_AlreadyGranted": "{key} was granted for account {account} before",
    "SessionKeys_Unknown": "{key} is no session key of account {account}",
    "SessionKeys_AlreadyRevoked": "{key} of account {account} is revoked from {revokedAt:utc} on already",
    "SessionKeys_BadGrant": "a grant expires in the future and names either a total or agreements",
    "SessionKeys_TooManyItems": "{items} agreements are more than one call takes (256)",
    "SessionKeys_AboveTotal": "{key} may accept {left:currency} more for account {account}, not {wanted:currency}",
    # Directory
    "Directory_WrongIndex": "the next contract of the Directory has the index {expected}, not {given}",
    "Directory_ZeroName": "a contract needs a name",
    # Fees and dividends
    "FeeSplitter_BadShares": "{dividendsBps} + {insuranceBps} + {treasuryBps} bps are out of bounds",
    "FeeSplitter_NotRecipient": "{caller} receives no share of the fees",
    "FeeSplitter_ZeroAddress": "the zero address cannot receive a share",
    "DividendVault_BelowMinimum": "{staked:tally} would be staked; the least is 1 TALLY, or none",
    "DividendVault_NotEnoughStaked": "{staked:tally} are staked, but {wanted:tally} are wanted",
    "DividendVault_ZeroAmount": "the amount is zero",
    "DividendVault_ZeroAddress": "the zero address cannot receive money",
    "DividendVault_NothingToClaim": "{staker} has no dividends to claim",
    "DividendVault_NothingToWithdraw": "{staker} has no TALLY on the way out",
    "DividendVault_StillLocked": "the TALLY of {staker} is locked until {unlocksAt:utc}",
    "DividendVault_TooManyItems": "{items} stakers are more than one call takes (200)",
    "DividendVault_UnfitCurrency": "{currency} is no currency that fits: it has no code, or more than 6 decimals",
    "DividendVault_WrongAmountReceived": "the currency moved {received:currency} instead of {expected:currency}",
    "FeeSplitter_UnfitCurrency": "{currency} is no currency that fits: it has no code, or more than 6 decimals",
    "FeeSplitter_UnfitTreasury": "{treasury} cannot be the treasury",
    "InsurancePool_WrongAmountReceived": "the currency moved {received:currency} instead of {expected:currency}",
    "InsurancePool_ZeroAddress": "an address is zero",
    "InsurancePool_NotCourt": "only the Court files claims, and {caller} is not it",
    "InsurancePool_TooManyItems": "{items} items are more than one call takes (256)",
    "InsurancePool_NothingToClaim": "nothing is credited to {holder}",
    "TallyToken_CapExceeded": "{supply:tally} exist, and there will never be more than {cap:tally}",
    "TallyToken_NotMinter": "{caller} is not the minter of TALLY",
    "TallyToken_ZeroAddress": "the minter is the zero address",
    # Suppliers' rewards
    "SupplierRewards_NotOwner": "account {account} does not belong to {caller}",
    "SupplierRewards_NotMember": "{caller} is not member {index} of account {account}",
    "SupplierRewards_WrongSplit": "these are not the members and weights of account {account}",
    "SupplierRewards_NothingToClaim": "nothing has vested that was not claimed already",
    "SupplierRewards_TooManyItems": "{items} accounts are more than one call takes (200)",
    "SupplierRewards_RateNotLower": "a rate of {wanted} is not below the {rate} that holds",
    "SupplierRewards_ZeroAddress": "the zero address cannot receive rewards",
    "SupplierRewards_UnfitSchedule": "rate, halving, daily fees and vesting do not fit each other or the token's cap",
    "SupplierRewards_UnfitToken": "{token} does not exist yet, has another minter, or is not what the vault stakes",
    # JackpotPool and the book of bonds
    "JackpotPool_ZeroAddress": "an address is zero",
    "JackpotPool_ZeroBond": "without a bond, flags on everything would cost nothing",
    "JackpotPool_ZeroAmount": "the amount is zero",
    "JackpotPool_ZeroCommitment": "zero commits to nothing",
    "JackpotPool_WrongTime": "in round {round} this is possible from {from:utc} on, before {until:utc}",
    "JackpotPool_AlreadyCommitted": "round {round} has its commitment",
    "JackpotPool_NothingCommitted": "nothing was committed to in round {round}",
    "JackpotPool_AlreadyRevealed": "the commitment of round {round} was revealed already",
    "JackpotPool_WrongReveal": "this is not what was committed to in round {round}",
    "JackpotPool_UnfitBatch": "batch {batch} is no relayer's of round {round}, posted after the commitment",
    "JackpotPool_WindowOpen": "the window of batch {batch} ends at {endsAt:utc}",
    "JackpotPool_BadProof": "the proof does not lead from leaf {index} to the root of batch {batch}",
    "JackpotPool_NotVerifier": "operator {verifier} is no active verifier of {caller}",
    "JackpotPool_UnknownFlag": "there is no flag {flag}, or it is settled",
    "JackpotPool_NoError": "no error was revealed in round {round}",
    "JackpotPool_WrongFlag": "flag {flag} is not on the round's error, or the salt is wrong",
    "JackpotPool_SealedTooLate": "flag {flag} was sealed at {sealedAt:utc}, and the window ended at {windowEnd:utc}",
    "JackpotPool_AlreadyOpened": "verifier {verifier} has opened a flag on the error of round {round}",
    "JackpotPool_TooManyItems": "{items} flags are more than one call takes (256)",
    "JackpotPool_NothingToSettle": "none of the flags can be settled",
    "BondBook_ZeroAddress": "the zero address cannot receive money",
    "BondBook_UnfitCurrency": "{currency} is no currency: it has no code",
    "BondBook_NothingToClaim": "nothing is credited to {holder}",
    "BondBook_WrongAmountReceived": "the currency moved {received:currency} instead of {expected:currency}",
    # Council and Jury
    "Council_BadMembers": "a council has 1 to 16 members in rising order, and a threshold of 1 to all of them",
    "Council_NotArbiter": "round {round} of dispute {dispute} is not this council's to decide now",
    "Council_AlreadyRuled": "the council has ruled in round {round} of dispute {dispute}",
    "Council_WrongCount": "{signatures} signatures are too few or too many: {threshold} members must sign",
    "Council_NotMember": "{signer} is no member, or not in its place among the signers",
    "Council_BadSignature": "the signature is not by {member} over this ruling",
    "Council_NotRuled": "the council has not ruled in round {round} of dispute {dispute}",
    "Council_NothingToCollect": "the Court has credited no fees",
    "Jury_BadParameters": "the parameter {what:text} of the jury does not fit",
    "Jury_NotVerifier": "operator {operator} is no active verifier of {caller}",
    "Jury_DepositOutOfRange": (
        "{deposit:currency} would be deposited; it must be {least:currency} to {most:currency}"
    ),
    "Jury_ZeroAmount": "the amount is zero",
    "Jury_NoDeposit": "{juror} has no deposit with the jury",
    "Jury_AlreadyLeaving": "{juror} has resigned and can take its deposit from {leavesAt:utc} on",
    "Jury_CannotLeaveYet": "{juror} sits on {seats} panels, or has not waited since it resigned",
    "Jury_NotArbiter": "round {round} of dispute {dispute} is not the jury's, or not at the time for this step",
    "Jury_NotNow": "this step of dispute {dispute} is possible from {from:utc} until {until:utc} only",
    "Jury_NotSide": "{caller} leads neither side of dispute {dispute}",
    "Jury_ZeroHash": "the hash is zero",
    "Jury_AlreadySealed": "{by} has sealed a secret for round {round} of dispute {dispute}",
    "Jury_WrongSecret": "{caller} has sealed no such secret for dispute {dispute}, or has shown it",
    "Jury_BlockFixed": "block {target} decides the draw for dispute {dispute}",
    "Jury_NoBlockLeft": "three blocks expired: there is no jury in round {round} of dispute {dispute}",
    "Jury_NoBlock": "no block is fixed for dispute {dispute}, or {target} is not past, or is forgotten",
    "Jury_AlreadyDrawn": "the jury of round {round} of dispute {dispute} is drawn",
    "Jury_TooFewJurors": "only {found} jurors can sit in dispute {dispute}",
    "Jury_NotDrawn": "no jury is drawn for round {round} of dispute {dispute}",
    "Jury_NotJuror": "{caller} has no seat in round {round} of dispute {dispute}",
    "Jury_WrongVote": "{caller} has not committed to this vote in dispute {dispute}, or has revealed it",
    "Jury_VoteOutOfRange": "{units} units are not between {attacked} and {claimed}",
    "Jury_Undecided": "the jury of round {round} of dispute {dispute} has not decided yet",
    "Jury_NoQuorum": "only {revealed} jurors revealed in round {round} of dispute {dispute}: no ruling",
    "Jury_AlreadySettled": "round {round} of dispute {dispute} was settled",
    "Jury_NotSettled": "round {round} of dispute {dispute} is not settled",
    "Jury_NothingToShare": "the Court has credited no further fee for round {round} of dispute {dispute}",
    # TestDollar
    "TestDollar_AuthorizationOutOfTime": "the authorisation is good after {validAfter} and before {validBefore}",
    "TestDollar_AuthorizationUsed": "{authorizer} has used this authorisation already",
    "TestDollar_Blacklisted": "the currency's issuer has blocked {holder}",
    "TestDollar_NotPayee": "only its receiver {payee} can use this authorisation, not {caller}",
    "TestDollar_Paused": "the currency is paused by its issuer",
    "TestDollar_PermitExpired": "the permit was good until {deadline:utc} only",
    "TestDollar_WrongSigner": "the permit or authorisation of {holder} was signed by {signer}",
    # OpenZeppelin
    "AccessManagedUnauthorized": "{caller} has no role that allows this",
    "AccessManagedInvalidAuthority": "{authority} is no access manager",
    "AccessManagerUnauthorizedAccount": "{msgsender} lacks the role {roleId}",
    "OwnableUnauthorizedAccount": "{account} is not the owner",
    "OwnableInvalidOwner": "{owner} cannot be the owner",
    "ERC20InsufficientBalance": "{sender} has {balance} base units of the currency, but {needed} are needed",
    "ERC20InsufficientAllowance": "{spender} may take {allowance} base units, but {needed} are needed",
    "ERC20InvalidReceiver": "{receiver} cannot receive this currency",
    "SafeERC20FailedOperation": "the currency {token} refused a transfer",
    "ReentrancyGuardReentrantCall": "the contract was called while it was at work",
    "BisectionReferee_NotArbiter": "the referee does not decide the present round of dispute {dispute}, or none runs",
    "BisectionReferee_Unsuitable": "dispute {dispute} cannot be bisected: a proposal, upward, or without an output",
    "BisectionReferee_AlreadyOpen": "the game of dispute {dispute} is open already",
    "BisectionReferee_NotPlayer": "in dispute {dispute} it is not {caller} who makes this move",
    "BisectionReferee_WrongTurn": "this is not the next move in dispute {dispute} (turn {turn})",
    "BisectionReferee_ClockOut": "the clock has run out for this move in dispute {dispute}",
    "BisectionReferee_ClockRuns": "the clock in dispute {dispute} runs until {until:utc}",
    "BisectionReferee_WrongStatement": "the statement is not what the output disputed in {dispute} commits to",
    "BisectionReferee_WrongOrder": "of agreement {agreement} the work {registered} is on record, not {stated}",
    "BisectionReferee_WrongIndex": "{index} is not the index that is due in dispute {dispute}",
    "BisectionReferee_BadProof": "what is shown as {what:text} does not lead to what was committed to",
    "BisectionReferee_Undecided": "nobody has won the game of dispute {dispute} yet",
    "BisectionReferee_AlreadyRegistered": "the work of agreement {agreement} is on record already",
    "BisectionReferee_WrongTerms": "these Terms are not of agreement {agreement}, or it is not open",
    "BisectionReferee_NotSigned": "the Terms of agreement {agreement} are not signed by {signer}",
    "BisectionReferee_NothingToCollect": "round {round} of dispute {dispute} has no fee to pass on",
    # Court
    "Court_UnknownDispute": "there is no dispute {dispute}",
    "Court_WrongState": "dispute {dispute} is in state {state}, which does not allow this",
    "Court_AgreementNotOpen": "agreement {agreement} is not open",
    "Court_AlreadyDisputed": "agreement {agreement} is in dispute {dispute} already",
    "Court_NothingDisputed": "{claimed} units do not contradict the {attacked} in dispute",
    "Court_BadClaim": "what is attacked is no figure of the agreement (receipt fault {fault})",
    "Court_BelowPaid": "{units} units of agreement {agreement} are below the {paid:currency} paid: attack the newest",
    "Court_StoodBefore": "up to {units} units of agreement {agreement} stood in a dispute before",
    "Court_NoArbiter": "policy {policy} has no arbiter who could rule",
    "Court_NotEnoughVerdicts": "the verdicts are no new rejection by a quorum of the policy's verifiers",
    "Court_NotEnoughStake": "verifier {verifier} has no {bond:currency} of free stake to spare for the bond",
    "Court_NotParty": "{caller} may not do this in dispute {dispute}",
    "Court_NotRuledYet": "the arbiter of dispute {dispute} has not ruled yet",
    "Court_TooManyFunders": "sixteen have paid into the appeal of dispute {dispute} already",
    "Court_TooSmallPart": "{amount:currency} are too small a part: {missing:currency} are missing in dispute {dispute}",
    "Court_NotHere": "this is the Court's extension: it answers at the Court's own address only",
    "Court_NotInsured": "dispute {dispute} left no loss that can be filed",
    "Court_StillHeld": "something of agreement {agreement} is still held and may give back",
    "Court_StillCooling": "dispute {dispute} cools until {until:utc}",
}


def utc(seconds: int) -> str:
    """Unix time as people read it: `2026-12-13 08:12:00 UTC`. Times beyond the year 9999 stay numbers."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, ValueError, OSError):
        return f"second {seconds}"


class _Words(Formatter):
    def format_field(self, value: Any, format_spec: str) -> str:
        if format_spec == "utc":
            return utc(value)
        if format_spec == "currency":
            return format_amount(value)
        if format_spec == "tally":
            return format_tally(value)
        if isinstance(value, bytes):
            if format_spec == "text":
                return value.rstrip(b"\0").decode("ascii", "replace")
            return "0x" + value.hex()
        return str(value)


def sentence(error: str, arguments: Mapping[str, Any]) -> str:
    """What the custom error `error` says, from its arguments by name. Unknown ones are spelt out."""
    template = SENTENCES.get(error)
    if template is not None:
        try:
            return _Words().vformat(template, (), arguments)
        except (KeyError, IndexError, TypeError, ValueError):
            pass
    shown = ", ".join(f"{name} = {_Words().format_field(value, '')}" for name, value in arguments.items())
    return f"the contract refused with {error}({shown})"
