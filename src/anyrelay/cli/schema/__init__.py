"""RELAY described for machines: JSON Schema 2020-12 and AsyncAPI 3, made from the classes of `anyrelay.protocol.schema`."""
