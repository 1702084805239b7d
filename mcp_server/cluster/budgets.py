"""PodDisruptionBudgets: which pods one counts, and whether it will ever let one of them be evicted."""

from mcp_server.cluster.objects import Object, at, labels, mapping, number, selects, space_of, words


def guards(budget: Object, pod: Object) -> bool:
    """Whether the budget counts this pod. An empty selector means every pod in policy/v1, none in v1beta1."""
    selector = at(budget, "spec.selector")
    if space_of(budget) != space_of(pod) or not isinstance(selector, dict):
        return False
    if not mapping(selector, "matchLabels") and not at(selector, "matchExpressions"):
        return words(budget, "apiVersion") == "policy/v1"
    return selects(selector, labels(pod))


def rule_of(budget: Object) -> str:
    """`minAvailable 2` or `maxUnavailable 0`, as it is declared."""
    least, most = at(budget, "spec.minAvailable"), at(budget, "spec.maxUnavailable")
    return f"minAvailable {least}" if least is not None else f"maxUnavailable {most}"


def never_allows(budget: Object) -> bool:
    """Whether it allows no eviction even while every pod is well: more replicas or another rule would be needed."""
    least, most = at(budget, "spec.minAvailable"), at(budget, "spec.maxUnavailable")
    expected, desired = number(budget, "status.expectedPods"), number(budget, "status.desiredHealthy")
    if least == "100%" or most in (0, "0", "0%"):
        return True
    if not expected:  # none, or not counted yet
        return False
    return (isinstance(least, int) and expected <= least) or (desired is not None and expected <= desired)


def allowed_now(budget: Object) -> int | None:
    """How many evictions it allows at this moment; None while its controller has not counted what it says now."""
    seen, meant = number(budget, "status.observedGeneration"), number(budget, "metadata.generation")
    if meant is not None and (seen is None or seen < meant):
        return None
    return number(budget, "status.disruptionsAllowed")
