"""Runs a program that wants CUDA on the CPU, by replacing functions of torch. Only where no GPU is usable.

What a program sees: one GPU (`is_available()`, `device_count() == 1`, so code for several GPUs or for
DistributedDataParallel takes its single-GPU way). `.cuda()`, `.to("cuda")`, `device="cuda"`, legacy types,
`torch.load`, generators, streams, events, DataParallel and the like work, and give the bits that the same program gives
when it is written for the CPU. "mps", "xla" and every other device are left alone.

What it can't show, and so no verdict may claim:

* device mismatches: `x.device` stays cpu and `x.is_cuda` False, because torch's own code asks them to choose between
  kernels. A program that asserts `x.is_cuda` fails here; the shadow run (`shadow.py`) answers as CUDA does;
* GPU memory: the program's own questions are answered with 0, ours with "not observed" (`devices.memory`);
* mixed precision: autocast and GradScaler for CUDA are switched off. Each use is noted as kind "amp", which caps the
  verdict at CHANGED_AS_INTENDED;
* CUDA's asynchronous errors (the CPU raises at once, at the right line), nondeterminism of cuDNN, other random numbers;
* more than one GPU: "cuda:1" is the same CPU. CUDA graphs, custom kernels and `torch.device(0)` (an index alone, which
  torch refuses without an accelerator) aren't redirected and fail as they do on any CPU machine; a device inside of
  `torch.jit.script` neither.

`note(kind, what)` is told what was redirected: kind "redirect" with the name that was used, kind "amp" for precision.
Only what a CPU torch would have answered otherwise is told: `torch.cuda.manual_seed_all` alone is no redirect.
"""

from . import redirect_factories, redirect_loading, redirect_modules, redirect_runtime, redirect_tensors


def install(note, exact=False):
    """Redirect from now on, for the rest of this process. What this torch lacks is left out.

    `exact` is for the shadow run, where `x.device` tells the truth: there `x.to(torch.device("cpu"))` is a move to the
    CPU. Otherwise the device may have been read from a tensor that is only here on the CPU, and only a move to the
    *word* "cpu" is believed.
    """
    redirect_runtime.install(note)
    redirect_tensors.install(note, exact)
    redirect_factories.install(note)
    redirect_loading.install(note)
    redirect_modules.install(note)
