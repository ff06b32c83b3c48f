"""A double of Slurm, which cannot be here: its commands, as submitit calls them, over processes of this machine."""

from pathlib import Path

SBATCH = """#!/bin/bash
# Starts the script once for each number of its array.
numbers=$(sed -n 's/^#SBATCH --array=\\([0-9]*\\)-\\([0-9]*\\).*/\\1 \\2/p' "$1")
for number in $(seq $numbers); do
  touch "QUEUE/7_$number"
  (
    export SLURM_JOB_ID=$((8 + number)) SLURM_ARRAY_JOB_ID=7 SLURM_ARRAY_TASK_ID=$number
    setsid bash "$1"
    rm "QUEUE/7_$number"
  ) > /dev/null 2>&1 &
done
echo "Submitted batch job 7"
"""
SRUN = """#!/bin/bash
while [[ $1 == --* ]]; do
  case $1 in --output) out=$2; shift;; --error) err=$2; shift;; esac
  shift
done
named() { local name=${1//%A/$SLURM_ARRAY_JOB_ID}; name=${name//%a/$SLURM_ARRAY_TASK_ID}; echo "${name//%t/0}"; }
out=$(named "$out") err=$(named "$err")
mkdir -p "$(dirname "$out")"
export SLURM_NTASKS=1 SLURM_JOB_NUM_NODES=1 SLURM_NODEID=0 SLURM_PROCID=0 SLURM_LOCALID=0 SLURM_JOB_NODELIST=here
"$@" >> "$out" 2>> "$err"
"""


def install(folder: Path) -> Path:
    """Write the commands; returns the folder to put first on PATH."""
    queue, commands = folder / "queue", folder / "bin"
    queue.mkdir(parents=True)
    commands.mkdir()
    scripts = {"sbatch": SBATCH, "srun": SRUN, "squeue": "#!/bin/bash\nls QUEUE\n", "scancel": "#!/bin/bash\n"}
    for name, text in scripts.items():
        (commands / name).write_text(text.replace("QUEUE", str(queue)))
        (commands / name).chmod(0o755)
    return commands
