{#- The roads that instances took, from first step to last. -#}
{{ ranked_variants(ref('int_steps_paired')) }}
