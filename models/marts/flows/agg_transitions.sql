{#- Who follows whom: pairs of neighbouring steps, seen at four levels of naming. A step after itself is a pair too. -#}
{{ counted_transitions() }}
