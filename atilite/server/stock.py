"""The names of waitress that this room builds on. None is documented, so they are checked before the first request."""

from __future__ import annotations

import dis
import inspect

import waitress.buffers
import waitress.channel
import waitress.parser
import waitress.proxy_headers
import waitress.receiver
import waitress.task
import waitress.utilities
import waitress.wasyncore

from atilite.errors import SetupError

NAMES: dict[type, str] = {
    waitress.channel.HTTPChannel: (
        "service task_class error_task_class parser_class requests request requests_lock outbuf_lock outbufs "
        "handle_close handle_read handle_write handle_error readable writable received connected will_close "
        "close_when_flushed sent_continue send_continue total_outbufs_len current_outbuf_count sendbuf_len "
        "last_activity write_soon check_client_disconnected add_channel del_channel socket adj addr "
        "_flush_some _flush_some_if_lockable _flush_exception _flush_outbufs_below_high_watermark"
    ),
    waitress.wasyncore.dispatcher: "add_channel del_channel handle_error socket _fileno _map",
    waitress.task.Task: (
        "service finish write build_response_header set_close_on_finish close_on_finish wrote_header status "
        "complete content_length content_bytes_written chunked_response logged_write_excess"
    ),
    waitress.task.WSGITask: "execute get_environment",
    waitress.task.ErrorTask: "execute complete",
    waitress.parser.HTTPRequestParser: (
        "received parse_header get_body_stream close completed empty expect_continue headers_finished header_plus "
        "chunked content_length header_bytes_received body_bytes_received body_rcv version error connection_close "
        "headers adj"
    ),
    waitress.receiver.ChunkedReceiver: "received completed error control_line trailer getbuf getfile __len__",
    waitress.receiver.FixedStreamReceiver: "received completed error getbuf getfile __len__",
    waitress.buffers.OverflowableBuffer: "append get skip close __len__",
    waitress.buffers.ReadOnlyFileBasedBuffer: "prepare get skip close __iter__",
}
SIGNATURES = {
    waitress.channel.HTTPChannel: ("self", "server", "sock", "addr", "adj", "map"),
    waitress.task.Task: ("self", "channel", "request"),
    waitress.parser.HTTPRequestParser: ("self", "adj"),
    waitress.receiver.ChunkedReceiver: ("self", "buf"),
    waitress.receiver.FixedStreamReceiver: ("self", "cl", "buf"),
}


def missing(names: dict[type, str] = NAMES) -> list[str]:
    """Return the names that this waitress does not have, as `Class.name`. Attributes set by `__init__` count."""
    return [
        f"{cls.__name__}.{name}"
        for cls, wanted in names.items()
        for name in wanted.split()
        if not hasattr(cls, name) and not _assigned(cls, name)
    ]


def changed(signatures: dict[type, tuple[str, ...]] = SIGNATURES) -> list[str]:
    """Return the classes that are made with other arguments than we give."""
    return [
        cls.__name__
        for cls, wanted in signatures.items()
        if tuple(inspect.signature(vars(cls)["__init__"]).parameters) != wanted
    ]


def check() -> None:
    """Raise SetupError if the installed waitress is not the one that the server was written for."""
    faults = [*missing(), *(f"{name}(...)" for name in changed())]
    if faults:
        raise SetupError(
            f"the installed waitress does not fit: {', '.join(faults)} changed; install 'waitress>=3.0.2,<3.1'"
        )


def _assigned(cls: type, name: str) -> bool:
    makers = (vars(one).get(method) for one in cls.__mro__ for method in ("__init__", "set_socket", "parse_header"))
    return any(
        step.opname == "STORE_ATTR" and step.argval == name
        for maker in makers
        if inspect.isfunction(maker)
        for step in dis.get_instructions(maker)
    )
