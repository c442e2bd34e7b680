{#-
    How well resolved identifiers agree with the truth, where one is known. Identifiers that several people really share
    are left out: no answer would be right. What was seen and belongs to nobody counts as a person of its own.

    Pairwise: of the pairs that were put together, how many belong together (precision), and of those that belong
    together, how many were put (recall). B-cubed (Bagga and Baldwin, 1998): the same shares within each identifier's
    own group, averaged over identifiers, so that a few large groups do not decide. Sums of fractions depend on their
    order in the last bits, so these are rounded.
-#}
with canonical as (
    select {{ canonical_hash('truth.identifier_hash') }} as identifier_hash, truth.person_id
    from {{ ref('stg_landing__identities') }} as truth
    left join {{ ref('int_phone_numbers') }} as phone_numbers
        on phone_numbers.written_hash = truth.identifier_hash
),

identities as (
    select identifier_hash, min(person_id) as person_id
    from canonical
    where identifier_hash is not null
    group by identifier_hash
    having count(distinct person_id) = 1
),

items as (
    select
        identities.person_id,
        coalesce(owners.owner_id, trust.identifier_hash) as owner_id,
        trust.identifier_type
    from identities
    inner join {{ ref('int_identifier_trust') }} as trust
        on trust.identifier_hash = identities.identifier_hash and trust.identifier_kind = 'person'
    left join {{ ref('int_identifier_owners') }} as owners
        on owners.identifier_hash = identities.identifier_hash
),

items_in_scopes as (
    select 'all' as scope, person_id, owner_id from items
    union all
    select 'records', person_id, owner_id from items where identifier_type = 'record'
),

cells as (
    select scope, person_id, owner_id, cast(count(*) as double) as item_count
    from items_in_scopes
    group by scope, person_id, owner_id
),

cells_in_groups as (
    select
        scope,
        item_count,
        sum(item_count) over (partition by scope, owner_id) as owner_item_count,
        sum(item_count) over (partition by scope, person_id) as person_item_count
    from cells
),

pairs_by_owner as (
    select scope, sum(item_count * (item_count - 1) / 2) as pair_count
    from (
        select scope, owner_id, sum(item_count) as item_count from cells group by scope, owner_id
    ) as owners
    group by scope
),

pairs_by_person as (
    select scope, sum(item_count * (item_count - 1) / 2) as pair_count
    from (
        select scope, person_id, sum(item_count) as item_count from cells group by scope, person_id
    ) as people
    group by scope
),

sums as (
    select
        scope,
        sum(item_count) as item_count,
        sum(item_count * (item_count - 1) / 2) as right_pair_count,
        round(sum(item_count * item_count / owner_item_count) / sum(item_count), 9) as b_cubed_precision,
        round(sum(item_count * item_count / person_item_count) / sum(item_count), 9) as b_cubed_recall
    from cells_in_groups
    group by scope
),

shares as (
    select
        sums.scope,
        sums.item_count,
        sums.right_pair_count / nullif(pairs_by_owner.pair_count, 0) as pairwise_precision,
        sums.right_pair_count / nullif(pairs_by_person.pair_count, 0) as pairwise_recall,
        sums.b_cubed_precision,
        sums.b_cubed_recall
    from sums
    inner join pairs_by_owner
        on pairs_by_owner.scope = sums.scope
    inner join pairs_by_person
        on pairs_by_person.scope = sums.scope
)

select
    scope,
    item_count,
    pairwise_precision,
    pairwise_recall,
    2 * pairwise_precision * pairwise_recall / nullif(pairwise_precision + pairwise_recall, 0) as pairwise_f1,
    b_cubed_precision,
    b_cubed_recall,
    2 * b_cubed_precision * b_cubed_recall / nullif(b_cubed_precision + b_cubed_recall, 0) as b_cubed_f1
from shares
