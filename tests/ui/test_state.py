"""URL and session: what is open and chosen survives page switches, and a link says it all."""

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from graphdebug.ui import state
from graphdebug.workspace.store import Workspace


def run(body: Callable[[], None], **query: str) -> AppTest:
    app = AppTest.from_function(body, default_timeout=30)
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception, app.exception
    return app


def shown(app: AppTest) -> list[str]:
    return [element.value for element in app.text]


def query(app: AppTest) -> dict[str, str]:
    # A parameter set by the test is kept as a string, one set by the script as a list.
    values = {name: app.query_params[name] for name in app.query_params}
    return {name: value if isinstance(value, str) else value[0] for name, value in values.items()}


def read_all() -> None:
    import streamlit as st

    from graphdebug.ui import state

    state.restore()
    choice = state.choice()
    st.text(repr((choice.graph, choice.id, choice.kind, choice.node, choice.value) if choice else None))
    st.text(repr((state.result_id("run"), state.result_id("compare"))))


@pytest.mark.parametrize(
    ("parameters", "choice"),
    [
        ({}, None),
        ({"node": "12"}, ("", "n:12", "node", 12, None)),
        ({"graph": "12.body", "node": "0"}, ("12.body", "n:0", "node", 0, None)),
        ({"value": "x/y:0"}, ("", "v:x/y:0", "value", None, "x/y:0")),
        ({"node": "-1"}, None),
        ({"node": "<script>"}, None),
    ],
)
def test_a_link_says_what_is_chosen(parameters: dict[str, str], choice: object) -> None:
    app = run(read_all, model="m", **parameters)
    assert shown(app)[0] == repr(choice)


def test_what_a_page_switch_clears_is_put_back() -> None:
    app = run(read_all, model="m", node="3", run="r1", comparison="c1")
    app.query_params.clear()
    app.run()
    assert query(app) == {"model": "m", "node": "3", "run": "r1", "comparison": "c1"}
    assert shown(app)[1] == "('r1', 'c1')"


def go_back(app: AppTest, monkeypatch: pytest.MonkeyPatch, *, history: bool = True, **query: str) -> None:
    """Have the browser tell another address: because somebody went back to it, or because it is behind."""
    monkeypatch.setattr(state, "_went_back_or_forth", lambda: history)
    app.query_params.clear()
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    monkeypatch.undo()


def test_going_back_to_an_address_forgets_what_came_later(monkeypatch: pytest.MonkeyPatch) -> None:
    app = run(read_all, model="m", node="3", run="r1")
    go_back(app, monkeypatch, model="m")
    assert shown(app) == ["None", "(None, None)"]


def test_an_address_that_is_behind_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    app = run(read_all, model="m", node="3")
    go_back(app, monkeypatch, model="m", history=False)
    assert query(app) == {"model": "m", "node": "3"}
    assert "n:3" in shown(app)[0]


def test_another_model_takes_nothing_of_the_last_one_along(workspace: Workspace) -> None:
    def body() -> None:
        import streamlit as st

        from graphdebug.ui import state

        state.restore()
        if st.button("other"):
            state.open_model("b")
        st.text(repr(state.picked_tensors()))
        state.pick("x", "y", "x")

    app = run(body, model="a", node="3", run="r1")
    assert shown(app) == ["()"]
    app.run()
    assert shown(app) == ["('x', 'y')"]
    app.button[0].click().run()
    assert query(app) == {"model": "b"}
    assert shown(app) == ["()"]


def test_a_group_is_chosen_in_the_session_only() -> None:
    def body() -> None:
        import streamlit as st

        from graphdebug.ui import state

        state.restore()
        state.choose("", group="s:encoder/<b>")
        choice = state.choice()
        assert choice is not None
        st.text(f"{choice.kind} {choice.id}")
        state.choose("", node=4)
        choice = state.choice()
        assert choice is not None
        st.text(f"{choice.kind} {choice.id}")

    app = run(body, model="m")
    assert shown(app) == ["group s:encoder/<b>", "node n:4"]
    assert query(app) == {"model": "m", "node": "4"}


def test_links_carry_what_is_open_and_escape_it() -> None:
    def body() -> None:
        import streamlit as st

        from graphdebug.ui import state

        state.restore()
        st.text(state.link("graph", value="a&b=c d", node=None))

    app = run(body, model="m", node="3")
    assert shown(app) == ["graph?model=m&value=a%26b%3Dc+d"]


def mark_all() -> None:
    import streamlit as st

    from graphdebug.ui import state

    state.restore()
    if st.button("select"):
        state.set_selection(["n:7", "n:3", "i:x,y", "n:4"])
        state.set_cut_ends(["a"], ["b*"])
    if st.button("many"):
        state.set_selection(f"n:{node}" for node in range(0, 4000, 2))
    if st.button("inside"):
        state.choose("3.body")
    if st.button("outside"):
        state.choose("")
    if st.button("another"):
        state.set_parameters(model="other", selected=None)
    st.text(repr(state.selection()))
    st.text(repr(state.cut_ends()))
    st.text(repr(state.marks_are_lost()))
    st.text(repr(state.selection("")))


def press(app: AppTest, label: str) -> AppTest:
    next(button for button in app.button if button.label == label).click()
    return app.run()


def test_the_selection_lives_in_the_link() -> None:
    app = press(run(mark_all, model="m"), "select")
    marked = [repr(("n:3", "n:4", "n:7", "v:x,y")), repr((("a",), ("b*",)))]
    assert shown(app)[:2] == marked
    fresh = run(mark_all, **query(app))
    assert shown(fresh)[:3] == [*marked, "False"]
    fresh.query_params.clear()
    fresh.run()
    assert shown(fresh)[:2] == marked


def test_each_graph_has_its_own_selection() -> None:
    app = press(press(run(mark_all, model="m"), "select"), "inside")
    assert shown(app)[0] == "()"
    assert "n:3" in shown(app)[3]
    assert "selected" not in query(app)
    assert "n:3" in shown(press(app, "outside"))[0]
    assert query(app)["selected"].startswith("n:3-4,n:7")
    assert shown(press(app, "another"))[0] == "()"


def test_a_long_selection_stays_in_the_session_and_the_link_says_that_there_is_one() -> None:
    app = press(run(mark_all, model="m"), "many")
    assert query(app)["selected"] == "*"
    assert shown(app.run())[0].count("n:") == 2000
    assert shown(app)[2] == "False"
    assert shown(run(mark_all, **query(app)))[::2] == ["()", "True"]
