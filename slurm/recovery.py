"""Bringing interrupted submissions to an end: all of one runs, or nothing of it.

A submission is a transaction. While it is `sending`, its jobs are held and none can have started:
they are taken away. Once it is `sent` - that is written when the last job is recorded, and before
the first is released - they are released, as many as still are held. So it does not matter at
which moment a submitter ended.
"""

from collections.abc import Sequence

from slurm import queue
from slurm.records import Submission


def recover(submissions: Sequence[Submission]) -> None:
    """Take away what was never to start, and release what was. Ask for the queue again after it."""
    unfinished = [s for s in submissions if s.phase != "released"]
    # Of a released one, too, an array may turn up late: `sbatch` outlives its submitter.
    doomed = {
        job.token
        for submission in submissions
        for job in submission.jobs
        if submission.phase == "sending" or not job.job_id
    }
    if not doomed and not unfinished:
        return
    jobs = [job for job in queue.mine().values() if job.alive]
    queue.cancel(job.array for job in jobs if job.comment in doomed)
    held = {job.array for job in jobs if job.held}
    for submission in unfinished:
        if submission.phase == "sent":
            queue.release(job.job_id for job in submission.jobs if job.job_id in held)
            submission.phase = "released"
            submission.save()
