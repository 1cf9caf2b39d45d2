"""Names of methods that run no model: those of torch's modules that are no forward, of tensors, text and containers."""

from __future__ import annotations

from torchfix_codemods.analysis import torch_api as api

_MODULES = (
    "add_module apply buffers get_buffer get_parameter get_submodule named_buffers register_forward_hook"
    " register_forward_pre_hook register_full_backward_hook register_module register_parameter save_pretrained"
    " from_pretrained push_to_hub tie_weights post_init"
)
_TENSORS = (
    "abs abs_ acos add add_ addcdiv addcdiv_ addcmul addcmul_ addmm all allclose amax amin any argwhere as_strided"
    " astype backward baddbmm bernoulli bernoulli_ bitwise_and bitwise_not bitwise_or bmm broadcast_to ceil ceil_"
    " clamp clamp_ clamp_max clamp_min clip clip_ clone conj copy_ cos cos_ count_nonzero cross cummax cummin cumprod"
    " cumsum diag diag_embed diagonal diff dim div div_ dot element_size eq equal erf exp exp_ expm1 fill_"
    " fill_diagonal_ floor floor_ floor_divide fmod frac ge gt histc imag index_add index_add_ index_copy"
    " index_copy_ index_fill index_fill_ index_put index_put_ index_select inverse isclose isfinite isin isinf isnan"
    " le lerp lerp_ log log10 log1p log2 log_ logaddexp logical_and logical_not logical_or logical_xor logit"
    " logsumexp lt masked_fill masked_fill_ masked_scatter masked_scatter_ masked_select matmul maximum mean median"
    " minimum mm mode mul mul_ multinomial nan_to_num ne neg neg_ new_empty new_full new_ones new_tensor new_zeros"
    " nonzero norm normal_ numel nelement outer pin_memory pow pow_ prod put_ quantile random_ real reciprocal relu"
    " relu_ remainder repeat_interleave resize_ resize_as_ retain_grad round round_ rsqrt rsqrt_ scatter scatter_"
    " scatter_add scatter_add_ scatter_reduce scatter_reduce_ sigmoid sigmoid_ sign sin sin_ softmax log_softmax"
    " sqrt sqrt_ square squeeze squeeze_ std stride sub sub_ subtract sum t_ tan tanh tanh_ tile to_dense tobytes"
    " tolist topk trace tril triu true_divide trunc type_as uniform_ unique unique_consecutive unflatten"
    " unsqueeze_ var view_as where xlogy zero_ untyped_storage data_ptr is_contiguous is_floating_point get_device"
)
_TEXT = (
    "capitalize casefold endswith expandtabs format isalnum isalpha isascii isdecimal isdigit isidentifier islower"
    " isnumeric isspace istitle isupper join ljust lower lstrip partition removeprefix removesuffix rfind rindex rjust"
    " rpartition rsplit rstrip splitlines startswith strip swapcase title upper zfill replace find"
    " end group groupdict groups span start fullmatch finditer findall hexdigest digest"
)
_CONTAINERS = (
    "add append appendleft clear copy count difference discard elements extend extendleft fromkeys get index insert"
    " intersection isdisjoint issubset issuperset items keys most_common move_to_end pop popitem popleft remove"
    " reverse setdefault sort symmetric_difference to_dict to_json_string to_tuple union update values"
)
_FILES = (
    "absolute as_posix close exists expanduser flush getvalue glob is_absolute is_dir is_file is_symlink iterdir"
    " joinpath mkdir open read read_bytes read_text readline readlines relative_to rename resolve rglob rmdir seek tell"
    " touch unlink with_name with_suffix write write_bytes write_text writelines writerow"
)
_OTHERS = (
    "addFilter addHandler critical debug error exception info isEnabledFor setLevel warn warning warning_once info_once"
    " add_argument add_argument_group add_mutually_exclusive_group add_parser add_subparsers parse_args"
    " parse_known_args set_defaults step"
)

NO_MODEL_METHODS = (
    api.MODULE_METHODS
    | api.SAME_OBJECT
    | api.SHAPE_ONLY
    | api.AXES_MOVED
    | api.BEST
    | api.DETACHING
    | api.INVARIANT
    | api.QUIET
    | frozenset(" ".join([_MODULES, _TENSORS, _TEXT, _CONTAINERS, _FILES, _OTHERS]).split())
)
