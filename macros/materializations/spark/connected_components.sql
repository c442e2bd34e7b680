{#-
    The materialisation of connected components on Spark: the steps of ../connected_components.sql, with a table per round.
    Rows of a table of Parquet files can't be replaced in place: what stays and what came is written aside.
-#}
{% materialization connected_components, adapter='spark' %}
    {%- set target = this.incorporate(type='table') -%}
    {%- set stored = components_kept('edges') -%}
    {%- set changed = changed_rows_relation(target) -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- set is_from_scratch = builds_from_scratch() or existing is none or not existing.is_table
        or load_cached_relation(stored) is none -%}
    {%- set scratch = [] -%}
    {{ run_hooks(pre_hooks) }}

    {%- set links = components_links(sql, config.get('meta')['components']['edge']) -%}
    {%- set plan = namespace(is_full=is_from_scratch, is_idle=false, came=none, went=none) -%}
    {%- if is_from_scratch -%}
        {%- set plan.came = components_scratch(scratch, 'came', links) -%}
    {%- else -%}
        {%- set changed_links = components_scratch(scratch, 'changed_links', components_changed_links(links, stored)) -%}
        {%- set plan.came = "(select * from " ~ changed_links ~ " where is_new)" -%}
        {%- set plan.went = "(select low, high from " ~ changed_links ~ " where not is_new)" -%}
        {%- set went_count = components_scalar("select count(*) from " ~ plan.went ~ " as went") | int -%}
        {%- set plan.is_full = went_count == components_scalar("select count(*) from " ~ stored) | int -%}
        {%- set plan.is_idle = components_scalar("select count(*) from " ~ changed_links) | int == 0 -%}
    {%- endif -%}

    {%- if plan.is_idle and not is_from_scratch -%}
        {% call noop_statement('main', 'OK', 'changed', 0) %}{% endcall %}
        {%- do report_rows('changed', count=0) -%}
    {%- else -%}
        {%- if plan.is_full -%}
            {%- set now = components_scratch(
                scratch, 'links', "select distinct low, high from " ~ plan.came ~ " as came"
            ) -%}
            {%- set nodes = components_scratch(scratch, 'nodes', components_nodes(plan.came)) -%}
            {%- set edges_now = "select low, high from " ~ now -%}
            {%- set before = existing if not is_from_scratch else none -%}
        {%- else -%}
            {%- set before = components_scratch(scratch, 'before', components_restarted(existing, changed_links)) -%}
            {%- set now = components_scratch(
                scratch, 'links', components_restarted_links(stored, before, plan.came, plan.went)
            ) -%}
            {%- set nodes = components_scratch(scratch, 'nodes', components_restarted_nodes(before, plan.came, now)) -%}
            {%- set edges_now -%}
            select low, high from {{ stored }} as stored
            where not exists (select 1 from {{ plan.went }} as went where went.low = stored.low and went.high = stored.high)
            union all
            select distinct low, high from {{ plan.came }} as came
            {%- endset -%}
        {%- endif -%}
        {%- do components_check_numbers(nodes) -%}
        {%- set fresh = components_scratch(
            scratch, 'fresh', components_labelled(scratch, nodes, components_contracted(scratch, now))
        ) -%}

        {%- set written = [] -%}
        {%- if before is none -%}
            {%- do written.append(spark_written_aside(target, "select node_key, component_key, component_size from " ~ fresh)) -%}
            {%- do written.append(spark_written_aside(changed, "select cast(null as string) as node_key where false", name='changed')) -%}
            {%- do report_rows('new') -%}
        {%- else -%}
            {%- set replaced = components_scratch(scratch, 'replaced', components_differing_keys(before, fresh)) -%}
            {%- set count = components_count(replaced) -%}
            {%- if count -%}
                {%- set rows_now -%}
                select node_key, component_key, component_size from {{ existing }} as stay
                where not exists (select 1 from {{ replaced }} as replaced where replaced.node_key = stay.node_key)
                union all
                select node_key, component_key, component_size from {{ fresh }} as come
                where exists (select 1 from {{ replaced }} as replaced where replaced.node_key = come.node_key)
                {%- endset -%}
                {%- do written.append(spark_written_aside(target, rows_now)) -%}
                {%- do written.append(spark_written_aside(changed, "select node_key from " ~ replaced, name='changed')) -%}
            {%- else -%}
                {% call noop_statement('main', 'OK', 'changed', 0) %}{% endcall %}
            {%- endif -%}
            {%- do report_rows('changed', count=count) -%}
        {%- endif -%}
        {%- do written.append(spark_written_aside(stored, edges_now, name='edges')) -%}
        {#- together: edges without their components, or components without their changed keys, would never be made good -#}
        {%- do spark_move(written) -%}
    {%- endif -%}

    {%- do spark_forget(scratch) -%}
    {{ run_hooks(post_hooks) }}
    {%- do adapter.cache_added(stored) -%}
    {{ return({'relations': [target]}) }}
{% endmaterialization %}
