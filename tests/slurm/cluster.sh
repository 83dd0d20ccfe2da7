#!/usr/bin/env bash
# A SLURM of one node for tests, as any user: all of it in one folder, listening on loopback only.
#
#   cluster.sh start FOLDER    starts it; then SLURM_CONF=FOLDER/slurm.conf makes sbatch and its kin speak to it
#   cluster.sh stop FOLDER     stops what runs there, by its process ids
#
# Debian: apt-get install --no-install-recommends slurmctld slurmd slurm-client munge
#
# Partitions: debug (default); low, whose jobs are requeued when one of high needs their place; polite, the same with a
# time of grace before.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin

start() {
    for program in munged slurmctld slurmd sbatch scontrol; do
        command -v "$program" >/dev/null || { echo "cluster.sh: $program is not installed" >&2; exit 2; }
    done
    mkdir -p "$folder"/{munge,state,spool,log}
    chmod 755 "$folder" "$folder/munge"
    head -c 1024 /dev/urandom >"$folder/munge/key"
    chmod 600 "$folder/munge/key"
    configure >"$folder/slurm.conf"
    export SLURM_CONF=$folder/slurm.conf
    trap 'stop; echo "cluster.sh: it did not start; see $folder/log" >&2' EXIT
    # --force: a temporary folder lies below one that others may write to, and tests may run as root.
    munged --force --num-threads=2 --socket="$folder/munge/socket" --key-file="$folder/munge/key" \
        --pid-file="$folder/munge/pid" --log-file="$folder/log/munged" --seed-file="$folder/munge/seed" \
        2>>"$folder/log/munged.start"
    slurmctld -c -L "$folder/log/slurmctld" 2>>"$folder/log/slurmctld.start"
    slurmd -N "$node" -L "$folder/log/slurmd" 2>>"$folder/log/slurmd.start"
    for _ in $(seq 100); do
        [ "$(sinfo --noheader --partition=debug --format=%T 2>/dev/null)" = idle ] && { trap - EXIT; return; }
        sleep 0.1
    done
    exit 1
}

configure() {
    local user ports
    user=$(id -un)
    ports=$(python3 -c '
import socket
taken = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(s.getsockname()[1] for s in taken))')
    cat <<CONF
ClusterName=keyart
SlurmctldHost=$node(127.0.0.1)
SlurmUser=$user
SlurmdUser=$user
SlurmctldPort=${ports% *}
SlurmdPort=${ports#* }
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
AuthType=auth/munge
# cred_expire is also how long a requeued job waits.
AuthInfo=socket=$folder/munge/socket,cred_expire=5
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
SwitchType=switch/none
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,bf_interval=2
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobRequeue=1
ReturnToService=2
KillWait=10
UnkillableStepTimeout=60
NodeName=$node NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=debug Nodes=$node Default=YES PriorityTier=5 PreemptMode=OFF
PartitionName=low Nodes=$node PriorityTier=1
PartitionName=polite Nodes=$node PriorityTier=1 GraceTime=60
PartitionName=high Nodes=$node PriorityTier=10 PreemptMode=OFF
CONF
}

stop() {
    local file id
    for file in "$folder/slurmd.pid" "$folder/slurmctld.pid" "$folder/munge/pid"; do
        [ -s "$file" ] || continue
        id=$(cat "$file")
        kill "$id" 2>/dev/null || continue
        for _ in $(seq 100); do
            kill -0 "$id" 2>/dev/null || break
            sleep 0.1
        done
        kill -9 "$id" 2>/dev/null || true
    done
}

[ $# = 2 ] || { sed -n '2,6s/^# \?//p' "$0" >&2; exit 2; }
folder=$(realpath -m "$2")
node=$(hostname -s)
case $1 in
    start) start ;;
    stop) export SLURM_CONF=$folder/slurm.conf; scancel --user="$(id -un)" 2>/dev/null || true; stop ;;
    *) echo "cluster.sh: $1: start or stop" >&2; exit 2 ;;
esac
