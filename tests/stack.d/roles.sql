-- The database roles that the sample policy uses.  Passwords are set at each
-- start, so that this can be part of a template.
CREATE ROLE app_reader NOLOGIN;
CREATE ROLE app_bot LOGIN;
CREATE ROLE app_analyst LOGIN;
CREATE ROLE app_dba LOGIN CREATEROLE;
CREATE ROLE postern_broker LOGIN;
CREATE DATABASE shop OWNER app_dba TEMPLATE template0 ENCODING 'UTF8'
    LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8';
