"""What the packages do on a real systemd. Each function is a claim; its name is what is said to be true."""

import json
import os
import re
import time

CANARY = "canary-Zq7-key-that-must-be-nowhere"
OTHER_CANARY = "canary-Zq7-second-key-after-rotation"
SOCKET = "/run/darkroom/darkroom.sock"
PROMPT = "a heron in the reeds, prompt-canary-51c"


def expect(condition, what):
    if not condition:
        raise AssertionError(what)


def journal(machine, *matches):
    rows = machine.sh("journalctl -o json --no-pager " + " ".join(matches)).stdout.splitlines()
    return [json.loads(row) for row in rows]


def generate(machine, user, name, options="", check=True):
    return machine.run_as(
        user, f"cd /tmp && darkroom generate {options} '{PROMPT} {name}' -o /tmp/{name} 2>/tmp/{name}.err; "
        f"s=$?; cat /tmp/{name}.err >&2; exit $s", check=check)


def the_packages_install_and_start_their_sockets(machine, context):
    machine.sh("dpkg -i " + " ".join(context.packages), timeout=300)
    expect(machine.property("darkroom.socket", "ActiveState") == "active", "darkroom.socket is not active")
    expect(machine.property("darkroom-admin.socket", "ActiveState") == "active", "darkroom-admin.socket is not active")
    # So that what waited goes on after a boot; and not started, for there is no key.
    expect(machine.sh("systemctl is-enabled darkroom.service").stdout.strip() == "enabled", "darkroom.service is off")
    expect(machine.property("darkroom.service", "ActiveState") == "inactive", "darkroom.service runs without a key")
    machine.sh("gpasswd -a alice darkroom && gpasswd -a bob darkroom")


def without_a_key_it_serves_and_says_what_to_do(machine, context):
    machine.sh("systemctl start darkroom.service")
    status = machine.run_as("alice", "darkroom status")
    expect("missing" in status.stdout, status.stdout)
    failed = generate(machine, "alice", "nokey", check=False)
    expect(failed.returncode != 0 and "credential" in failed.stderr, failed.stderr)
    expect("missing" in machine.property("darkroom.service", "StatusText"), "systemctl status does not tell")


def one_key_and_a_first_image_is_made(machine, context):
    machine.write("/etc/darkroom/darkroom.toml", context.configuration(), 0o644)
    machine.write("/etc/credstore/gemini-api-key.plain", CANARY, 0o600)
    machine.sh("systemctl restart darkroom.service")
    path = generate(machine, "alice", "first").stdout.strip()
    head = machine.sh(f"head -c 3 {path} | od -An -tx1").stdout.split()
    expect(head in (["ff", "d8", "ff"], ["89", "50", "4e"]), f"{path} begins with {head}")


def two_users_are_told_apart_and_a_stranger_is_refused_at_connect(machine, context):
    job = re.search(r'"job" ?: ?"([^"]+)"', machine.run_as("alice", "darkroom jobs --json").stdout).group(1)
    expect(machine.run_as("alice", f"darkroom show {job}").returncode == 0, "alice does not see her own job")
    other = machine.run_as("bob", f"darkroom show {job}", check=False)
    expect(other.returncode != 0, "bob sees alice's job")
    stranger = machine.run_as("mallory", "darkroom status", check=False)
    expect(stranger.returncode != 0 and "usermod -aG darkroom" in stranger.stderr, stranger.stderr)
    connect = machine.run_as(
        "mallory", "python3 -c 'import socket; socket.socket(socket.AF_UNIX).connect(\"" + SOCKET + "\")'", check=False)
    expect("PermissionError" in connect.stderr, connect.stderr)


def the_record_names_the_unit_that_asked(machine, context):
    machine.run_as("bob", f"darkroom generate '{PROMPT} unit' -o /tmp/unit", unit="nightly-build.service")
    rows = journal(machine, "DARKROOM_EVENT=accepted", "DARKROOM_PEER_UNIT=nightly-build.service")
    uid = machine.sh("id -u bob").stdout.strip()
    expect(rows and rows[-1]["DARKROOM_PEER_UID"] == uid, rows)
    # The kernel shows the path of another user's program to nobody, and its name to everybody.
    expect(rows[-1]["DARKROOM_EXECUTABLE"] == "darkroom", rows[-1])


def an_encrypted_credential_is_used_when_there_is_one(machine, context):
    machine.sh(
        "mkdir -p /etc/credstore.encrypted && rm /etc/credstore/gemini-api-key.plain && "
        "systemd-creds encrypt --with-key=host --name=gemini-api-key - /etc/credstore.encrypted/gemini-api-key",
        stdin=CANARY)
    machine.sh("systemctl restart darkroom.service")
    generate(machine, "alice", "encrypted")


def a_key_is_rotated_without_a_lost_request(machine, context):
    context.simulator_accepts(OTHER_CANARY)
    with context.load(machine, "alice") as load, context.images(machine, "bob") as images:
        machine.sh(
            "rm /etc/credstore.encrypted/gemini-api-key && systemd-creds encrypt --with-key=host "
            "--name=gemini-api-key - /etc/credstore.encrypted/gemini-api-key", stdin=OTHER_CANARY)
        machine.sh("systemctl restart darkroom.service")
    load.expect_nobody_failed()
    # Until the restart the old key is refused, which costs nothing and is told.
    refused = {prompt for prompt, end in images.ends.items() if end == "key_rejected"}
    images.ends = {prompt: end for prompt, end in images.ends.items() if prompt not in refused}
    images.expect_each_was_paid_once(context.received_prompts())
    generate(machine, "alice", "rotated")


def restarts_and_kills_under_load_fail_nobody(machine, context):
    with context.load(machine, "alice") as load, context.load(machine, "bob") as other, \
            context.images(machine, "bob") as images:
        for _ in range(3):
            machine.sh("systemctl restart darkroom.service")
        for _ in range(3):
            pid = machine.main_pid()
            machine.sh(f"kill -9 {pid}")
            machine.wait_until(
                lambda: machine.main_pid() not in ("0", pid)
                and machine.property("darkroom.service", "ActiveState") == "active", "the daemon is back")
    load.expect_nobody_failed(kills=3)
    other.expect_nobody_failed(kills=3)
    images.expect_each_was_paid_once(context.received_prompts(), kills=3)


def an_upgrade_under_load_fails_nobody(machine, context):
    with context.load(machine, "alice") as load, context.images(machine, "bob") as images:
        before = machine.main_pid()
        machine.sh("dpkg -i " + " ".join(context.packages), timeout=300)
        machine.wait_until(lambda: machine.main_pid() not in ("0", before), "the new daemon runs")
    load.expect_nobody_failed()
    images.expect_each_was_paid_once(context.received_prompts())


def an_older_package_goes_in_and_the_newer_one_again(machine, context):
    """The binaries are the same, so that what is seen is what the packages' scripts do, and no schema is older."""
    older = []
    for package in context.packages:
        tree, repacked = f"/tmp/older-{os.path.basename(package)}", f"/packages/older-{os.path.basename(package)}"
        machine.sh(f"dpkg-deb -R {package} {tree} && sed -i 's/^Version: .*/Version: 0.0.1/' {tree}/DEBIAN/control && "
                   f"sed -i 's/(= [0-9.]*)/(= 0.0.1)/' {tree}/DEBIAN/control && dpkg-deb -Znone -b {tree} {repacked}")
        older.append(repacked)
    for packages in (older, context.packages):
        before = machine.main_pid()
        with context.load(machine, "alice") as load, context.images(machine, "bob") as images:
            machine.sh("dpkg -i " + " ".join(packages), timeout=300)
            machine.wait_until(lambda: machine.main_pid() not in ("0", before), "the other version runs")
        load.expect_nobody_failed()
        images.expect_each_was_paid_once(context.received_prompts())
        generate(machine, "alice", f"other-{before}")


def a_reload_with_a_bad_file_is_refused_and_the_old_configuration_stays(machine, context):
    machine.write("/etc/darkroom/darkroom.toml", context.configuration() + "\n[limits]\nmax_queu = 3\n")
    refused = machine.sh("systemctl reload darkroom.service", check=False)
    machine.write("/etc/darkroom/darkroom.toml", context.configuration())
    expect(refused.returncode != 0, "the reload was accepted")
    said = machine.sh("journalctl -u darkroom.service --no-pager -n 40").stdout
    expect("max_queue" in said and "darkroom.toml" in said, said)
    generate(machine, "alice", "afterbadreload")
    machine.sh("systemctl reload darkroom.service")


def a_stopped_and_a_wedged_daemon_are_replaced_by_the_watchdog(machine, context):
    machine.write("/etc/systemd/system/darkroom.service.d/watchdog.conf", "[Service]\nWatchdogSec=4s\n")
    machine.sh("systemctl daemon-reload && systemctl restart darkroom.service")
    pid = machine.main_pid()
    time.sleep(9)
    expect(machine.main_pid() == pid, "the watchdog ended a healthy daemon")
    machine.sh(f"kill -STOP {pid}")
    expect_replaced(machine, pid, "a stopped daemon is replaced")
    # Its threads live and its timers fire, and no line is read any more.
    pid = machine.main_pid()
    tracer = machine.start("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=recvmsg",
                           "-e", "inject=recvmsg:error=EAGAIN", "-p", pid)
    expect_replaced(machine, pid, "a wedged daemon is replaced")
    tracer.wait(30)
    machine.sh("rm /etc/systemd/system/darkroom.service.d/watchdog.conf; systemctl daemon-reload")
    machine.sh("systemctl restart darkroom.service")


def expect_replaced(machine, pid, what):
    machine.wait_until(
        lambda: machine.main_pid() not in ("0", pid) and machine.property("darkroom.service", "ActiveState") == "active",
        what)
    expect(machine.property("darkroom.service", "NRestarts") != "0", what)
    expect("watchdog" in machine.sh("journalctl -u darkroom.service --no-pager -n 30").stdout.lower(),
           f"{what}, but not by the watchdog")


def a_crash_loop_heals_without_a_person(machine, context):
    machine.write("/etc/darkroom/darkroom.toml", "nonsense = 1\n")
    machine.sh("systemctl restart darkroom.service", check=False)
    client = machine.start_as("alice", "darkroom status")
    time.sleep(8)
    expect(machine.property("darkroom.socket", "ActiveState") == "active", "the socket has given up")
    machine.write("/etc/darkroom/darkroom.toml", context.configuration())
    out, _ = client.communicate(timeout=60)
    expect(client.returncode == 0, f"who waited was not served: {out}")
    machine.wait_until(
        lambda: machine.property("darkroom.service", "ActiveState") == "active", "the daemon heals")


def a_frozen_or_stopped_journal_delays_nobody_and_loses_no_row(machine, context):
    journald = machine.property("systemd-journald.service", "MainPID")
    machine.sh(f"kill -STOP {journald}")
    try:
        for number in range(3):
            generate(machine, "alice", f"frozen{number}")
    finally:
        machine.sh(f"kill -CONT {journald}")
    generate(machine, "alice", "thawed")
    machine.sh("systemctl stop systemd-journald.socket systemd-journald-dev-log.socket systemd-journald-audit.socket "
               "systemd-journald.service")
    try:
        for number in range(3):
            generate(machine, "alice", f"unjournalled{number}")
    finally:
        machine.sh("systemctl start systemd-journald.socket systemd-journald-dev-log.socket systemd-journald.service")
    # No row comes after these: the daemon has to try again by itself.
    head = json.loads(machine.sh("darkroom audit head --json").stdout)["sequence"]

    def arrived():
        rows = journal(machine, f"DARKROOM_SEQUENCE={head}")
        return bool(rows)

    machine.wait_until(arrived, "the newest row is in the journal", 30)
    sequences = sorted({int(row["DARKROOM_SEQUENCE"]) for row in journal(machine, "SYSLOG_IDENTIFIER=darkroomd")
                        if "DARKROOM_SEQUENCE" in row})
    expect(sequences == list(range(1, len(sequences) + 1)), "rows are missing in the journal")


def the_record_verifies_and_an_edit_is_found(machine, context):
    expect(machine.sh("darkroom audit verify").returncode == 0, "a clean record does not verify")
    machine.sh("systemctl stop darkroom.service darkroom.socket darkroom-admin.socket")
    state = "/var/lib/private/darkroom/darkroom.sqlite"
    machine.sh(
        f"cp -a /var/lib/private/darkroom /root/kept && python3 -c \"import sqlite3; d=sqlite3.connect('{state}'); "
        "d.execute('UPDATE audit SET uid = 0 WHERE sequence = 5'); d.commit()\"")
    machine.sh("systemctl start darkroom.socket darkroom-admin.socket darkroom.service")
    broken = machine.sh("darkroom audit verify", check=False)
    expect(broken.returncode == 1 and "5" in broken.stdout + broken.stderr, broken.stdout + broken.stderr)
    machine.sh("systemctl stop darkroom.service darkroom.socket darkroom-admin.socket")
    machine.sh("rm -rf /var/lib/private/darkroom && mv /root/kept /var/lib/private/darkroom")
    machine.sh("systemctl start darkroom.socket darkroom-admin.socket darkroom.service")


def a_flood_of_record_rows_is_not_suppressed(machine, context):
    head = json.loads(machine.sh("darkroom audit head --json").stdout)["sequence"]
    # Each denied request is one row; the model is one that no rule allows.
    machine.copy(os.path.join(os.path.dirname(__file__), "denials.py"), "/usr/local/lib/denials.py")
    begun = time.monotonic()
    done = machine.run_as("bob", f"python3 /usr/local/lib/denials.py {SOCKET} 20000", timeout=120)
    expect("20000" in done.stdout, done.stdout)
    last = head + 20000
    machine.wait_until(lambda: bool(journal(machine, f"DARKROOM_SEQUENCE={last}")), "the last row arrives", 60)
    print(f"    20,000 rows in {time.monotonic() - begun:.1f} s, the last one in the journal")
    count = machine.sh("journalctl -o cat --no-pager DARKROOM_EVENT=denied | wc -l").stdout.strip()
    expect(int(count) >= 20000, f"{count} of 20000 rows are in the journal")


def the_catalog_explains_a_denial(machine, context):
    said = machine.sh("journalctl -x --no-pager -n 3 DARKROOM_EVENT=denied").stdout
    expect("darkroom policy explain" in said, said)


def the_key_and_the_prompt_are_nowhere(machine, context):
    for canary in (CANARY, OTHER_CANARY):
        for place in ("/var/lib/private/darkroom", "/run/darkroom", "/tmp", "/var/log/journal", "/run/log/journal",
                      "/usr/libexec/darkroomd", "/etc/darkroom"):
            found = machine.sh(f"grep -rlaF -- '{canary}' {place} 2>/dev/null | head -3", check=False).stdout.strip()
            expect(not found, f"the key is in {found}")
        expect(canary not in machine.sh("journalctl --no-pager -o export").stdout, "the key is in the journal")
        expect(canary not in machine.sh("cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'").stdout,
               "the key is in a command line or an environment")
    for package in context.packages:
        found = machine.sh(f"dpkg-deb --fsys-tarfile {package} | grep -caE -- '{CANARY}|{OTHER_CANARY}'", check=False)
        expect(found.stdout.strip() == "0", f"the key is in {package}")
    expect("prompt-canary-51c" not in machine.sh("journalctl --no-pager -o export -t darkroomd").stdout,
           "a prompt is in the journal")


def a_process_of_the_same_uid_cannot_read_the_daemons_memory(machine, context):
    pid = machine.main_pid()
    uid = machine.sh(f"stat -c %u /proc/{pid}/root/../mem 2>/dev/null; awk '/^Uid:/{{print $2}}' /proc/{pid}/status")
    number = uid.stdout.split()[-1]
    done = machine.sh(
        f"setpriv --reuid={number} --regid={number} --clear-groups python3 -c \"open('/proc/{pid}/mem','rb').read(1)\"",
        check=False)
    expect("PermissionError" in done.stderr, done.stderr)


def the_runtime_says_nothing_into_syslog(machine, context):
    """It would wait for journald, and the daemon with it."""
    said = machine.sh("journalctl --no-pager -o cat _SYSTEMD_UNIT=darkroom.service").stdout
    expect("thread priority" not in said, "libdispatch has written into the journal")


def a_user_namespace_is_refused(machine, context):
    drop_in = "/etc/systemd/system/darkroom.service.d/users.conf"
    machine.write(drop_in, "[Service]\nPrivateUsers=yes\nRestart=no\n")
    machine.sh("systemctl daemon-reload")
    try:
        machine.sh("systemctl restart darkroom.service", check=False)
        expect(machine.property("darkroom.service", "ExecMainStatus") == "78", "it serves whom it cannot tell apart")
    finally:
        machine.sh(f"rm {drop_in}; systemctl daemon-reload; systemctl restart darkroom.service")
    generate(machine, "alice", "identified")


def the_service_is_exposed_by_at_most_one_point_four(machine, context):
    done = machine.sh("systemd-analyze security --threshold=14 --no-pager darkroom.service", check=False)
    expect(done.returncode == 0, done.stdout[-400:])


def removing_keeps_the_record_and_purging_leaves_nothing_secret(machine, context):
    machine.sh("dpkg -r darkroomd", timeout=120)
    expect(os.path.isdir(machine.path("/var/lib/private/darkroom")), "removing deleted the record")
    machine.sh("dpkg -P darkroomd darkroom", timeout=120)
    for place in ("/var/lib/private/darkroom", "/var/lib/darkroom", "/run/darkroom", "/etc/darkroom",
                  "/etc/credstore/gemini-api-key.plain", "/etc/credstore.encrypted/gemini-api-key"):
        expect(not os.path.lexists(machine.path(place)), f"{place} is left")
    for canary in (CANARY, OTHER_CANARY):
        found = machine.sh(f"grep -rlaF -- '{canary}' /etc /var /usr/lib /usr/libexec 2>/dev/null | head", check=False)
        expect(not found.stdout.strip(), f"the key is left in {found.stdout}")


CLAIMS = [
    the_packages_install_and_start_their_sockets,
    without_a_key_it_serves_and_says_what_to_do,
    one_key_and_a_first_image_is_made,
    two_users_are_told_apart_and_a_stranger_is_refused_at_connect,
    the_record_names_the_unit_that_asked,
    an_encrypted_credential_is_used_when_there_is_one,
    a_key_is_rotated_without_a_lost_request,
    restarts_and_kills_under_load_fail_nobody,
    an_upgrade_under_load_fails_nobody,
    an_older_package_goes_in_and_the_newer_one_again,
    a_reload_with_a_bad_file_is_refused_and_the_old_configuration_stays,
    a_stopped_and_a_wedged_daemon_are_replaced_by_the_watchdog,
    a_crash_loop_heals_without_a_person,
    a_frozen_or_stopped_journal_delays_nobody_and_loses_no_row,
    the_record_verifies_and_an_edit_is_found,
    a_flood_of_record_rows_is_not_suppressed,
    the_catalog_explains_a_denial,
    the_key_and_the_prompt_are_nowhere,
    a_process_of_the_same_uid_cannot_read_the_daemons_memory,
    the_runtime_says_nothing_into_syslog,
    a_user_namespace_is_refused,
    the_service_is_exposed_by_at_most_one_point_four,
    removing_keeps_the_record_and_purging_leaves_nothing_secret,
]
