{#- The host that a web address names, in lower case, without port and `www.`; null without one. -#}
{% macro host_of(address) -%}
    {{ captured(
        lower_case('trim(' ~ address ~ ')'), '^(?:[a-z][a-z0-9+.-]*://|//)?(?:[^/?#@]*@)?(?:www\\.)?([^/?#:@()\\s]+)'
    ) }}
{%- endmacro %}
