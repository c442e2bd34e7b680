{#- A table of its own, so that nobody adds up a total and its parts. -#}
{{ ranked_variants(cut='level') }}
