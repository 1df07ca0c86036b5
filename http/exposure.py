"""Whether the server may listen where it is told to: a server that anybody may use stays on this machine.

Pure. Asked by the composition root, before the server listens.
"""

import ipaddress


def refusal_to_listen(
    host: str, *, has_keys: bool, has_tokens: bool, insecure: bool, trusted_proxies: bool
) -> str | None:
    """Why the server must not listen on `host`, as a sentence that says what to do; None if it may.

    `has_keys`: there is an API key, `has_tokens`: customers' tokens are taken. Without either everybody may
    do everything, which is for this machine only; and not even for that if there is a proxy in front, because
    then whoever reaches the proxy is here.
    """
    if has_keys or has_tokens or insecure:
        return None
    if trusted_proxies:
        who = "a proxy is trusted, and without an API key whoever reaches it may do everything"
    elif not is_loopback(host):
        who = "without an API key whoever reaches that address may do everything"
    else:
        return None
    return (
        f"Not listening on {host or 'every address'}: {who}. Make a key with"
        " `boxoffice keys create --name NAME --scope admin`, or give --insecure (BOXOFFICE_INSECURE=true) if"
        " that is what you want."
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address; any other name than `localhost` might be anywhere."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
