from mcp_server.core.source import Opened, identity_of, in_memory, is_same


def test_a_read_that_comes_in_bits_is_filled() -> None:
    data = bytes(range(256))
    source = Opened("log", 256, lambda offset, length: data[offset : offset + min(length, 7)])
    assert source.read_at(3, 100) == data[3:103]
    assert source.read_at(250, 100) == data[250:]


def test_identity_lasts_while_a_file_grows_and_ends_with_another_beginning() -> None:
    born = in_memory("log", b"first line\n").identity()
    assert is_same(in_memory("log", b"first line\nsecond\n" * 100), born)
    assert not is_same(in_memory("log", b"other line\n" * 100), born)
    assert not is_same(in_memory("log", b"first"), born)


def test_another_inode_is_another_file() -> None:
    assert identity_of(1, 2, b"x") != identity_of(1, 3, b"x")
    assert not is_same(in_memory("log", b"x"), identity_of(1, 2, b"x"))


def test_what_is_no_identity_is_never_the_same() -> None:
    for text in ("", "a:b:c:d", "::", "0:0:-1:00"):
        assert not is_same(in_memory("log", b"x"), text)


def test_closing_gives_the_handle_back() -> None:
    closed: list[bool] = []
    Opened("log", 0, lambda offset, length: b"", close=lambda: closed.append(True)).close()
    assert closed == [True]
