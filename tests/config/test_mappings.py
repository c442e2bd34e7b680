"""How rows become events and people records is read from the contract; a mistake is named with file, line and fix."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestration.lib.config.contracts import ContractError
from orchestration.lib.config.mapping import Condition, Value
from orchestration.lib.sources.staging_models import mapped_models
from tests.contract_files import read_own, read_shipped

GOOD = """version: 2
sources:
  - name: desk
    schema: raw
    tables:
      - name: tickets
        identifier: desk__tickets
        config:
          meta:
            formats: [csv]
            key: [ticket_id]
            events:
              - event_name: ticket_opened
                occurred_at: created_at
                channel: {column: intake, values: {web_form: web}, otherwise: phone}
                identifiers: {email: requester_email}
                properties: [topic]
              - event_name: ticket_solved
                occurred_at: solved_at
                when: {status: [solved, closed], is_test: {not: true}}
                amount: price
                direction: outbound
            people:
              person_key: ticket_id
              identifiers: {email: requester_email}
              last_name: requester
        columns:
          - {name: ticket_id, data_type: string, config: {meta: {required: true}}}
          - {name: intake, data_type: string}
          - {name: topic, data_type: string}
          - {name: requester, data_type: string, config: {meta: {personal: true}}}
          - {name: requester_email, data_type: string, config: {meta: {personal: true}}}
          - {name: status, data_type: string}
          - {name: is_test, data_type: boolean}
          - {name: price, data_type: "decimal(18,2)"}
          - {name: details, data_type: json}
          - {name: created_at, data_type: timestamp}
          - {name: solved_at, data_type: timestamp}
      - name: calls
        identifier: desk__calls
        config:
          meta:
            formats: [csv]
            key: [call_id]
            events: [{event_name: call_held, occurred_at: called_at}]
        columns:
          - {name: call_id, data_type: string, config: {meta: {required: true}}}
          - {name: called_at, data_type: timestamp}
"""


def test_a_mapping_is_read_whole(tmp_path: Path) -> None:
    contract = read_own(tmp_path, GOOD)["desk.tickets"]
    opened, solved = contract.events
    assert contract.is_own
    assert opened.event_name == Value(text="ticket_opened")
    assert opened.channel == Value(
        column="intake", values=(("web_form", "web"),), otherwise="phone", keeps_others=False
    )
    assert opened.properties == (("topic", "topic"),)
    assert solved.when == (
        Condition("status", "one of", ("solved", "closed")),
        Condition("is_test", "none of", (True,)),
    )
    assert contract.people is not None and contract.people.last_name == "requester"


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("amount: price", "amuont: price", 21, "has no setting `amuont`. Did you mean `amount`?"),
        ("amount: price", "amount_divided_by: 100", 21, "`amount_divided_by` of event 2 of table desk.tickets has no"),
        ("amount: price", "amount: price\n                amount_divided_by: 1", 22, "must be a whole number, such as"),
        ("amount: price", "voucher: price", 21, "Known are: event_name, occurred_at, "),
        ("last_name: requester", "surname: requester", 26, "people of table desk.tickets has no setting `surname`."),
        ("occurred_at: solved_at", "occurred_at: solvd_at", 19, "of event 2 of table desk.tickets is `solv"),
        ("occurred_at: solved_at", "occurred_at: status", 19, "must be a time or a date; column `status` is of"),
        ("                occurred_at: solved_at\n", "", 18, "event 2 of table desk.tickets needs `occurred_at`"),
        ("event_name: ticket_opened\n                occ", "occ", 13, "needs `event_name`: a text such as"),
        ("event_name: ticket_solved", "event_name: ticket_opened", 18, "as event 1 does: two events of a row"),
        ("event_name: call_held", "event_name: ticket_opened", 45, "as an event of tickets does"),
        ("amount: price", "amount: topic", 21, "must be a number; column `topic` is of type string"),
        ("direction: outbound", "direction: outgoing", 22, "Did you mean `outbound`?"),
        ("direction: outbound", "direction: intake", 22, "a column has that name. Write {column: intake}."),
        ("direction: outbound", "campaign: '{{ x }}'", 22, "`campaign` of event 2 of table desk.tickets can't hold {{"),
        ("direction: outbound", "campaign: yes", 22, "quote them"),
        ("column: intake", "column: intak", 15, "is `intak`. Did you mean `intake`?"),
        ("otherwise: phone", "othrewise: phone", 15, "is `othrewise`. Did you mean `otherwise`?"),
        (", values: {web_form: web}, otherwise: phone", ", otherwise: phone", 15, "`otherwise` without `values`"),
        ("otherwise: phone", "otherwise: []", 15, "must be a text"),
        ("properties: [topic]", "properties: [topic, requester]", 17, "column `requester`, which is marked `personal`"),
        ("properties: [topic]", "properties: [details]", 17, "`details` is a json column"),
        ("properties: [topic]", "properties: topic", 17, "must be {name: column}"),
        ("{column: intake, ", "{column: requester_email, ", 15, "would publish column `requester_email`"),
        ("{email: requester_email}\n                p", "{phone: topic}\n                p", 16,
         "Add `identifier_type: phone` to the meta of column topic"),
        ("status: [solved, closed]", "statu: solved", 20, "Did you mean `status`?"),
        ("is_test: {not: true}", "is_test: {not: maybe}", 20, "column `is_test` of type boolean is never `maybe`"),
        ("is_test: {not: true}", "is_test: {is: full}", 20, "{is: filled}, {is: empty}"),
        ("when: {status: [solved, closed], is_test: {not: true}}", "when: solved", 20, "such as {status: paid}"),
        ("[{event_name: call_held, occurred_at: called_at}]", "[]", 45, "a list with at least one event"),
        ("[{event_name: call_held, occurred_at: called_at}]", "[call]", 45, "each a mapping with `event_name`"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_file_line_and_fix(tmp_path: Path, old: str, new: str, line: int, says: str) -> None:
    assert GOOD.count(old) == 1 or old == "column: intake"
    with pytest.raises(ContractError) as raised:
        read_own(tmp_path, GOOD.replace(old, new))
    message = str(raised.value)
    assert message.startswith(f"{tmp_path}/own/_desk__sources.yml line {line}: "), message
    assert says in message, message


@pytest.mark.parametrize("name", ["shop", "feed"])
def test_a_source_of_the_project_cannot_be_declared_again(tmp_path: Path, name: str) -> None:
    """Also a table that the project does not have: its models read the project's own declaration of the source."""
    text = GOOD.replace("desk", name)
    with pytest.raises(ContractError, match=f"{name} is a source of the project, declared in models/staging/{name}/"):
        read_own(tmp_path, text)


def test_a_table_of_the_project_has_a_model_and_no_mapping(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"line 6: desk\.tickets is a table of the project") as raised:
        read_shipped(tmp_path, GOOD)
    assert "Take out `events`, `people` and `spend`" in str(raised.value)


def test_a_key_of_several_columns_names_no_person(tmp_path: Path) -> None:
    text = GOOD.replace("key: [ticket_id]", "key: [ticket_id, intake]").replace(
        "              person_key: ticket_id\n", ""
    )
    with pytest.raises(ContractError, match=r"line 23: table desk\.tickets has a key of several columns"):
        read_own(tmp_path, text)


def test_a_value_may_have_no_word(tmp_path: Path) -> None:
    """Where nothing is said of the channel, the rules of channels decide."""
    text = GOOD.replace("values: {web_form: web}, otherwise: phone", "values: {web_form: null, mail: email}")
    [model] = [one for one in mapped_models(read_own(tmp_path, text)["desk.tickets"]) if "ticket_opened" in one.sql]
    assert "case intake when 'web_form' then null when 'mail' then 'email' else intake end" in model.sql
    text = GOOD.replace("otherwise: phone", "otherwise: null")
    [model] = [one for one in mapped_models(read_own(tmp_path, text)["desk.tickets"]) if "ticket_opened" in one.sql]
    assert "case intake when 'web_form' then 'web' else null end" in model.sql


def test_an_event_has_a_name(tmp_path: Path) -> None:
    named = "event_name: {column: topic, values: {x: null}}"
    with pytest.raises(ContractError, match="an event needs a name"):
        read_own(tmp_path, GOOD.replace("event_name: ticket_opened", named, 1))
