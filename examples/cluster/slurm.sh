#!/bin/bash
# A search on two nodes of four GPUs each: sbatch slurm.sh my.yaml
# Base, experts, data and the run's folder are on a file system that all nodes see, under the same paths.
#SBATCH --job-name=modelswarms
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=4
#SBATCH --cpus-per-task=32
#SBATCH --time=08:00:00
#SBATCH --signal=B:TERM@120
set -euo pipefail

config=${1:?give a configuration: sbatch slurm.sh my.yaml}
port=6379
source .venv/bin/activate

# Ray's nodes know each other by a secret that all of them read.
export RAY_AUTH_TOKEN_PATH=${RAY_AUTH_TOKEN_PATH:-$HOME/.ray/auth_token}
if [[ ! -s $RAY_AUTH_TOKEN_PATH ]]; then
    mkdir -p "$(dirname "$RAY_AUTH_TOKEN_PATH")"
    (umask 077 && head -c 32 /dev/urandom | base64 > "$RAY_AUTH_TOKEN_PATH")
fi

head_node=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
address=$head_node:$port

srun --nodes=1 --ntasks=1 --nodelist="$head_node" \
    ray start --head --port="$port" --num-gpus=4 --include-dashboard=false --block &
sleep 20
if (( SLURM_JOB_NUM_NODES > 1 )); then
    srun --nodes=$((SLURM_JOB_NUM_NODES - 1)) --ntasks=$((SLURM_JOB_NUM_NODES - 1)) --exclude="$head_node" \
        ray start --address="$address" --num-gpus=4 --block &
    sleep 20
fi

# The batch script runs on the first node, which is the head. A job that ran out of time is gone on with: the same
# command finds the run's folder and resumes it.
run=$(python -c 'import sys, yaml; print(yaml.safe_load(open(sys.argv[1])).get("run_dir", "runs/search"))' "$config")
if [[ -f $run/run.yaml ]]; then
    modelswarms resume "$run" --engine.address "$address" --engine.gpus_per_worker 1
else
    modelswarms search "$config" --engine.address "$address" --engine.gpus_per_worker 1
fi
