"""records

Revision ID: 0008
Revises: 0007
"""
import sqlalchemy as sa
from alembic import op

revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'record_resource',
        sa.Column('origin', sa.String(length=64), nullable=False),
        sa.Column('type', sa.String(length=64), nullable=False),
        sa.Column('id', sa.String(length=64), nullable=False),
        sa.Column('person', sa.String(length=64), nullable=True),
        sa.Column('updated_at', sa.Double(), nullable=True),
        sa.Column('version_id', sa.String(length=64), nullable=True),
        sa.Column('digest', sa.String(length=32), nullable=False),
        sa.Column('body', sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint('origin', 'type', 'id', name=op.f('pk_record_resource')),
    )
    op.create_index('ix_record_resource_person', 'record_resource', ['person', 'origin', 'type'])
    op.create_table(
        'record_person',
        sa.Column('origin', sa.String(length=64), nullable=False),
        sa.Column('person', sa.String(length=64), nullable=False),
        sa.Column('birth_date', sa.String(length=10), nullable=False),
        sa.Column('sex', sa.String(length=8), nullable=False),
        sa.Column('name_folded', sa.Text(), nullable=False),
        sa.Column('body', sa.Text(), nullable=False),
        sa.Column('replaced_by', sa.String(length=64), server_default='', nullable=False),
        sa.PrimaryKeyConstraint('origin', 'person', name=op.f('pk_record_person')),
    )
    op.create_index('ix_record_person_birth_date', 'record_person', ['birth_date'])
    op.create_index(op.f('ix_record_person_replaced_by'), 'record_person', ['replaced_by'])
    op.create_table(
        'record_identifier',
        sa.Column('origin', sa.String(length=64), nullable=False),
        sa.Column('person', sa.String(length=64), nullable=False),
        sa.Column('position', sa.Integer(), nullable=False),
        sa.Column('value', sa.Text(), nullable=False),
        sa.Column('system', sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint('origin', 'person', 'position', name=op.f('pk_record_identifier')),
    )
    op.create_index('ix_record_identifier_value', 'record_identifier', ['value'])
    op.create_table(
        'record_import',
        sa.Column('origin', sa.String(length=64), nullable=False),
        sa.Column('sha256', sa.String(length=64), nullable=False),
        sa.Column('name', sa.Text(), nullable=False),
        sa.Column('resources', sa.Integer(), nullable=False),
        sa.Column('refused', sa.Integer(), nullable=False),
        sa.Column('finished_at', sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint('origin', 'sha256', name=op.f('pk_record_import')),
    )
    op.create_table(
        'record_refused',
        sa.Column('id', sa.Integer(), autoincrement=True, nullable=False),
        sa.Column('origin', sa.String(length=64), nullable=False),
        sa.Column('sha256', sa.String(length=64), nullable=False),
        sa.Column('name', sa.Text(), nullable=False),
        sa.Column('place', sa.String(length=32), nullable=False),
        sa.Column('reason', sa.Text(), nullable=False),
        sa.Column('body', sa.LargeBinary(), nullable=True),
        sa.Column('refused_at', sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_record_refused')),
    )
    op.create_index(op.f('ix_record_refused_sha256'), 'record_refused', ['sha256'])


def downgrade() -> None:
    op.drop_table('record_refused')
    op.drop_table('record_import')
    op.drop_table('record_identifier')
    op.drop_table('record_person')
    op.drop_table('record_resource')
