"""The program `pantau`: every command there is, and what its outcome means to the caller."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Protocol, cast

import typer

from agent import __version__
from agent.cli import exits
from agent.cli.audit_compare import audit_compare, audit_consistency
from agent.cli.audit_erase import audit_erase
from agent.cli.audit_export import audit_export
from agent.cli.audit_keys import audit_keys
from agent.cli.audit_prove import audit_prove, audit_verify_proof
from agent.cli.audit_pull import audit_pull
from agent.cli.audit_unseal import audit_unseal
from agent.cli.audit_verify import audit_verify
from agent.cli.backtest import backtest
from agent.cli.check import check
from agent.cli.demo import demo
from agent.cli.policy_clock import clock_close, clock_list, clock_state
from agent.cli.policy_diff import policy_diff
from agent.cli.policy_explain import policy_explain
from agent.cli.policy_list import policy_list
from agent.cli.policy_show import policy_show
from agent.cli.policy_test import policy_test
from agent.cli.reference_build import reference_build
from agent.cli.report_erase import report_erase
from agent.cli.report_evidence import report_evidence
from agent.cli.run import run


def _group(help_text: str) -> typer.Typer:
    return typer.Typer(
        help=help_text,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


_ABOUT = "Keep watch over production AI systems, against the ASEAN Guide on AI governance."

app = _group(_ABOUT)
app.command("demo", short_help="Watch real loan decisions, as a demonstration.")(demo)
app.command("run", short_help="Run the agent.")(run)
app.command("check", short_help="Validate the configuration, test connections.")(check)
app.command("backtest", short_help="Judge past events in a file.")(backtest)

_reference = _group("The profile that a stream is compared with.")
_reference.command("build", short_help="Build a profile from past events.")(reference_build)
app.add_typer(_reference, name="reference")

_policy = _group("What is required of the systems.")
_policy.command("list", short_help="List the policy packs.")(policy_list)
_policy.command("show", short_help="Show the rules of a pack, or how rules cover a law.")(
    policy_show
)
_policy.command("explain", short_help="Explain the policy of a system.")(policy_explain)
_policy.command("diff", short_help="Compare two policies.")(policy_diff)
_policy.command("test", short_help="Unit tests of policies.")(policy_test)
_clock = _group("Incident clocks: stated by humans, counted here, never filed.")
_clock.command("list", short_help="List clocks and how long is left.")(clock_list)
_clock.command("state", short_help="State when an incident was confirmed.")(clock_state)
_clock.command("close", short_help="End the clocks of an incident.")(clock_close)
_policy.add_typer(_clock, name="clock")
app.add_typer(_policy, name="policy")

_audit = _group("The append-only audit log.")
_audit.command("verify", short_help="Verify an audit log.")(audit_verify)
_audit.command("pull", short_help="Copy a served log.")(audit_pull)
_audit.command("prove", short_help="Write the proof of one record.")(audit_prove)
_audit.command("verify-proof", short_help="Verify the proof of one record.")(audit_verify_proof)
_audit.command("consistency", short_help="Prove that one checkpoint continues another.")(
    audit_consistency
)
_audit.command("compare", short_help="Compare two copies of a log.")(audit_compare)
_audit.command("export", short_help="Write records for tables and other systems.")(audit_export)
_audit.command("erase", short_help="Destroy a person's keys or a sealed text.")(audit_erase)
_audit.command("unseal", short_help="Print a sealed text.")(audit_unseal)
_audit.command("keys", short_help="List a log's public keys.")(audit_keys)
app.add_typer(_audit, name="audit")

_report = _group("What is kept as evidence.")
_report.command("evidence", short_help="List evidence of breaches.")(report_evidence)
_report.command("erase", short_help="Remove samples of events.")(report_erase)
app.add_typer(_report, name="report")


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"pantau {__version__}")
        raise typer.Exit


@app.callback(help=_ABOUT)
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    pass


class _UsageError(Protocol):
    exit_code: int

    def show(self) -> None: ...


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code (contract, "Command line").

    `arguments` default to those of the process.
    """
    try:
        code = app(args=arguments, prog_name="pantau", standalone_mode=False)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return exits.INTERRUPTED
    except typer.Abort:
        return exits.INTERRUPTED
    except SystemExit as exit_request:
        # typer turns a closed pipe into exit code 1, which here would read as a finding.
        if isinstance(exit_request.__context__, BrokenPipeError):
            return _quietly()
        code = exit_request.code
    except BrokenPipeError:
        return _quietly()
    except Exception as error:  # noqa: BLE001 - the last place to give an error its exit code
        if hasattr(error, "show") and hasattr(error, "exit_code"):
            usage = cast(_UsageError, error)
            usage.show()
            return exits.USAGE
        return exits.report(error)
    return code if isinstance(code, int) else exits.FINE


def _quietly() -> int:
    # Python flushes standard output once more at exit, which would print an error about the pipe.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return exits.BROKEN_PIPE
