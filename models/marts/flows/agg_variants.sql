{#- The roads that instances took, from first step to last. -#}
{{ ranked_variants() }}
