{#-
    A query with one row per distinct interval length within `keys`, from a relation of intervals that has `keys`,
    `outcome` and `dwell_seconds`: how many were still there (at risk), how many left and how many were pending at exactly
    that length, and the product limit of Kaplan and Meier (1958) there, with Greenwood's sum for its variance. An
    interval that is pending at a length is at risk at it.

    Logarithms are added up as decimals: a sum of doubles would depend on the order of the rows. The share is rounded to
    twelve places, so that a half that exp() missed by a bit is a half.
-#}
{% macro dwells_survived(intervals, keys) -%}
    select
        {% for key in keys %}{{ key }},
        {% endfor -%}
        dwell_seconds,
        at_risk_count,
        exit_count,
        censored_count,
        case
            when exit_count = at_risk_count then 0.0
            else round(exp(cast(sum(log_of_share) over so_far as double)), 12)
        end as survival_share,
        case when exit_count < at_risk_count then cast(sum(greenwood_term) over so_far as double) end as greenwood_sum
    from (
        select
            by_dwell.*,
            case when exit_count < at_risk_count then cast(
                ln((at_risk_count - exit_count) / cast(at_risk_count as double)) as decimal(38, 24)
            ) end as log_of_share,
            case when exit_count < at_risk_count then cast(
                exit_count / cast(at_risk_count as double) / cast(at_risk_count - exit_count as double)
                as decimal(38, 24)
            ) end as greenwood_term
        from (
            select
                {% for key in keys %}{{ key }},
                {% endfor -%}
                dwell_seconds,
                cast(sum(count(*)) over (
                    partition by {{ keys | join(', ') }} order by dwell_seconds desc rows unbounded preceding
                ) as bigint) as at_risk_count,
                cast(count_if(outcome <> 'pending') as bigint) as exit_count,
                cast(count_if(outcome = 'pending') as bigint) as censored_count
            from {{ intervals }}
            group by {{ keys | join(', ') }}, dwell_seconds
        ) as by_dwell
    ) as with_logarithms
    window so_far as (partition by {{ keys | join(', ') }} order by dwell_seconds rows unbounded preceding)
{%- endmacro %}
